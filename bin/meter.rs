//! `meter`
fn main() {}
