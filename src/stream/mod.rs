//! How records move: input cut at whole records, output in pieces, one driver, the shapes of programs.

mod aside;
mod drive;
mod input;
mod output;
mod shapes;

pub use aside::AsideFile;
pub use drive::{InOrder, Work, drive};
pub use input::{Framing, Input, Opener, Source};
pub use output::{Flow, Made, Output};
pub use shapes::{Deliver, Parcel, Pass, Settings, Sink, Summary, fold, pass, run, sink};
