//! The formats that are written.

pub mod csv;
pub mod form;
pub mod format;
pub mod jsonl;
pub mod table;

pub use form::Form;
pub use format::Format;
