//! The language: one small expression language for every program.

pub mod ast;
