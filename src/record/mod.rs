//! What a record is: bytes, found by a scan and never copied until they change.

mod fault;

pub use fault::Fault;
