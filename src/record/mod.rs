//! Records: bytes that are found by a scan and not copied until they change.

mod block;
mod count;
mod fault;
mod faults;
pub mod field;
mod header;
mod index;
mod layout;
mod lines;
mod list;
mod mapping;
mod names;
mod place;
mod records;
mod text;

pub use block::Block;
pub use count::RecordCount;
pub use fault::{Fault, Flaw, counted};
pub use faults::{Faults, OnFault};
pub use header::Header;
pub use index::{Index, Unreadable};
pub use layout::Layout;
pub use lines::LineCursor;
pub use list::{Find, List, Select, one_column};
pub use mapping::Mapping;
pub use names::{nearest, nearest_of};
pub use place::Place;
pub use records::{FieldColumn, Ragged, Records};
pub use text::{Malformed, PASSED_OVER, UNDECODED};
