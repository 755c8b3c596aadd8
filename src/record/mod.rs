//! What a record is: bytes, found by a scan and never copied until they change.

mod block;
mod count;
mod dialect;
mod fault;
mod faults;
pub mod field;
mod header;
mod layout;
mod lines;
mod mapping;
pub mod processor;
pub mod scan;
pub mod seek;
mod text;

pub use block::{Block, Column, Index, Place, Ragged, Records, Unreadable, counted};
pub use count::RecordCount;
pub use dialect::Dialect;
pub use fault::{Fault, Flaw};
pub use faults::{Faults, OnFault};
pub use header::Header;
pub use layout::Layout;
pub use lines::LineCursor;
pub use mapping::Mapping;
pub use text::{Malformed, PASSED_OVER, UNDECODED};
