//! Input cut at whole records, output in pieces, the loop that drives threads, and the shapes that programs share.

mod aside;
mod convert;
mod drive;
mod emit;
mod input;
mod kept;
mod output;
mod reader;
mod relay;
mod room;
mod shapes;
mod source;
mod start;
mod tail;
mod values;

pub use aside::{AsideFile, PREFIX, directory, resolved};
pub use convert::{Convert, Converted, convert, look_ahead};
pub use drive::Refusal;
pub use emit::{Emitter, HeldRecords};
pub use input::{Input, Mapper, Opener, shell_word};
pub use output::{Flow, Made, Output};
pub use reader::{Framing, last_words};
pub use relay::{Relayed, relay};
pub use room::{Line, Room};
pub use shapes::{Deliver, Parcel, Settings, Sink, Summary, pass, sink};
pub use source::{Source, before_standard_input};
pub use tail::Tail;

#[cfg(test)]
mod tests;
