//! Programs without their flags.

pub mod extract;
