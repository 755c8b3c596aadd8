//! Writes the stream itself, or the stream with another delimiter.

use crate::record::{Faults, Header, Records, field};

use crate::format::write::form::Form;
use crate::load::{Encoder, Parcel};

/// Records as CSV.
pub struct Csv {
    from: u8,
    to: u8,
}

impl Csv {
    /// Converts from one delimiter to another; if they are the same, records pass byte for byte.
    pub fn new(from: u8, to: u8) -> Self {
        Csv { from, to }
    }
}

impl Form for Csv {
    fn begin(&mut self, header: &Header, out: &mut Vec<u8>) {
        header.write(self.to, out);
    }

    fn encoder(&self, _header: &Header) -> Box<dyn Encoder> {
        if self.from == self.to {
            Box::new(AsItIs)
        } else {
            Box::new(Delimited(self.to))
        }
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

struct AsItIs;

impl Encoder for AsItIs {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        parcel.keep_each(records, faults, |_| Ok(()));
    }
}

struct Delimited(u8);

impl Encoder for Delimited {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        let last = records.columns() - 1;
        parcel.encode_each(records, faults, |record, out| {
            for column in 0..=last {
                let raw = records.field(record, column);
                if field::is_quoted(raw) || raw.is_empty() {
                    out.extend_from_slice(raw);
                } else {
                    field::push_text(raw, self.0, out);
                }
                out.push(if column == last { b'\n' } else { self.0 });
            }
            Ok(())
        });
    }
}
