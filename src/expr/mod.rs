//! The language: one small expression language for every program.

pub mod ast;
pub mod columns;
mod error;
mod lex;
mod literal;
pub mod parse;
mod unknown;

pub use error::ProgramError;
