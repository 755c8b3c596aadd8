//! How records become text.

use crate::record::{Block, Header};
use crate::stream::{Flow, Output};

use crate::load::{Encoder, Parcel};

/// The writer of a format.
pub trait Form: Send {
    /// Writes what comes before the first record.
    fn begin(&mut self, header: &Header, out: &mut Vec<u8>);

    /// Returns the encoder that turns records into parcels.
    fn encoder(&self, header: &Header) -> Box<dyn Encoder>;

    /// Writes the next block's records.
    fn write(
        &mut self,
        block: &Block,
        parcel: &mut Parcel,
        output: &mut Output,
    ) -> anyhow::Result<Flow> {
        output.write_made(&block.bytes, &mut parcel.made)
    }

    /// Writes what comes after the last record.
    fn end(&mut self, out: &mut Vec<u8>);
}
