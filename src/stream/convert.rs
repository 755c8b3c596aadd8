//! Conversion of sources whose units are not CSV records: lines, JSON values.

use std::ops::{Range, RangeInclusive};

use crate::bytes::seek;
use crate::record::{Block, Fault, LineCursor, Malformed};
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Reject, Rejects};

use super::drive::BlockWork;
use super::reader::Framing;
use super::shapes::{Allowance, Bad, Outcome, gather};
use super::{Flow, Input, Made, Output, Settings, Summary};

/// Converts each unit to a record of the stream.
pub trait Convert: Sync {
    /// State that each thread keeps between units.
    type Scratch: Send;

    /// Returns the initial state of a thread.
    fn scratch(&self) -> Self::Scratch;

    /// Appends the record for a unit, with its newline, and returns the unit's length. For lines, `bytes` is the
    /// line without its line end; for values, the unit and the rest of its block.
    ///
    /// # Errors
    /// The unit is not a record; the caller removes what was appended.
    fn unit(
        &self,
        scratch: &mut Self::Scratch,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault>;

    /// A fast path for common units. `bytes` begins with a unit and extends to the end of its block. Appends what
    /// [`Convert::unit`] would, and returns the unit's length, including the line end of a line. Returns `None` if
    /// the unit is not of the common kind, whatever was appended.
    #[inline(always)]
    fn usual(
        &self,
        _scratch: &mut Self::Scratch,
        _bytes: &[u8],
        _out: &mut Vec<u8>,
    ) -> Option<usize> {
        None
    }
}

/// The result of a conversion.
pub struct Converted<C: Convert> {
    /// The summary.
    pub summary: Summary,
    /// The state of each thread; None if downstream left early, because how far each thread read is then arbitrary.
    pub scratches: Option<Vec<C::Scratch>>,
}

/// Converts all units of `input` and writes them to `output`.
pub fn convert<C: Convert>(
    input: &mut Input,
    settings: &Settings,
    converter: &C,
    output: &mut Output,
) -> anyhow::Result<Converted<C>> {
    let mut rejects = Rejects::open(&settings.policy)?;
    let allowance = Allowance::of(&rejects);
    let work = OverUnits {
        converter,
        framing: input.framing(),
        allowance: &allowance,
    };
    let (mut written, mut is_whole) = (0, true);
    let mut deliver = |block: &Block, made: &mut Made| {
        written += made.records;
        stage::add(&COUNTERS.records_out, made.records);
        let flow = output.write_made(&block.bytes, made)?;
        is_whole &= flow == Flow::More;
        Ok(flow)
    };
    let taken = (&mut rejects, &allowance);
    let (scratches, mut summary) = gather(input, &work, settings, taken, &mut deliver)?;
    summary.records_out = written;
    Ok(Converted {
        summary,
        scratches: is_whole.then_some(scratches),
    })
}

/// Shows the first units of `input` to `look` without consuming them. It reads blocks until there are at least
/// `count.start()` units or the input ends, and shows at most `count.end()`, except malformed ones. Returns the
/// number of units seen.
pub fn look_ahead(
    input: &mut Input,
    count: RangeInclusive<usize>,
    look: &mut dyn FnMut(&Block, Range<usize>),
) -> anyhow::Result<usize> {
    let framing = input.framing();
    let mut blocks = Vec::new();
    let mut seen = 0;
    while seen < *count.start() {
        let Some(block) = input.next(&mut Vec::new())? else {
            break;
        };
        let (mut at, broken) = (0, block.broken());
        while seen < *count.end()
            && let Some(unit) = framing.unit_start(&block.bytes, at)
        {
            let unit = framing.whole_unit(&block.bytes, unit.start);
            at = unit.end;
            let fault = |broken: &Malformed| broken.fault(&block.bytes[unit.clone()], &block.place);
            if broken.as_ref().and_then(fault).is_none() {
                look(&block, unit);
            }
            seen += 1;
        }
        blocks.push(block);
    }
    input.give_back(blocks);
    Ok(seen)
}

/// Splits a block into units and passes them to a converter.
struct OverUnits<'c, C> {
    converter: &'c C,
    framing: Framing,
    allowance: &'c Allowance,
}

impl<C> OverUnits<'_, C> {
    /// Returns the offset after a unit that ends here and after its line end.
    fn behind(&self, bytes: &[u8], end: usize) -> usize {
        match (self.framing, &bytes[end..]) {
            (Framing::Lines, [b'\n', ..]) => end + 1,
            (Framing::Lines, [b'\r', b'\n', ..]) => end + 2,
            _ => end,
        }
    }
}

impl<C: Convert> BlockWork for OverUnits<'_, C> {
    type Scratch = C::Scratch;
    type Yield = Outcome<Made>;

    fn scratch(&self) -> Self::Scratch {
        self.converter.scratch()
    }

    fn longest_block(&self) -> usize {
        usize::MAX
    }

    fn block(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<Made>,
    ) -> anyhow::Result<()> {
        self.convert(scratch, block, outcome, self.allowance.get());
        Ok(())
    }

    fn cut(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<Made>,
        allowed: usize,
    ) -> anyhow::Result<()> {
        self.convert(scratch, block, outcome, allowed);
        Ok(())
    }
}

impl<C: Convert> OverUnits<'_, C> {
    /// Converts the units of a block, up to and including the first bad one beyond those allowed.
    fn convert(
        &self,
        scratch: &mut C::Scratch,
        block: &Block,
        outcome: &mut Outcome<Made>,
        allowed: usize,
    ) {
        outcome.clear();
        outcome.allowed = allowed;
        let bytes = &block.bytes;
        let broken = block.broken();
        let out = outcome.parcel.buffer(bytes);
        let mut lines = LineCursor::new(&block.bytes, block.place.line);
        let (mut at, mut converted) = (0, 0);
        loop {
            if self.framing == Framing::Values {
                at += seek::blank(&bytes[at..]);
            }
            let old = out.len();
            if broken.is_none()
                && let Some(length) = self.converter.usual(scratch, &bytes[at..], out)
            {
                at += length;
                converted += 1;
                continue;
            }
            out.truncate(old);
            let Some(unit) = self.framing.unit_start(bytes, at) else {
                break;
            };
            let malformed = broken.as_ref().and_then(|broken| {
                let whole = self.framing.whole_unit(bytes, unit.start);
                broken.fault(&bytes[whole], &block.place)
            });
            let is_text = malformed.is_none();
            let converted_unit = match malformed {
                Some(fault) => Err(fault),
                None => self.converter.unit(scratch, &bytes[unit.clone()], out),
            };
            match converted_unit {
                Ok(length) => {
                    at = self.behind(bytes, unit.start + length);
                    converted += 1;
                }
                Err(fault) => {
                    out.truncate(old);
                    let begun = unit.end;
                    let unit = self.framing.whole_unit(bytes, unit.start);
                    // The rest of the block, which may end anywhere, must not influence the message.
                    let alone = match is_text && unit.end < begun {
                        true => self
                            .converter
                            .unit(scratch, &bytes[unit.clone()], out)
                            .err(),
                        false => None,
                    };
                    let fault = alone.unwrap_or(fault);
                    out.truncate(old);
                    at = self.behind(bytes, unit.end);
                    let reject = Reject {
                        source: block.place.source.clone(),
                        line: lines.line(unit.start),
                        fault,
                        raw: bytes[unit].to_vec(),
                    };
                    outcome.rejects.push(Bad {
                        before: converted as usize,
                        number: None,
                        reject,
                    });
                    if outcome.rejects.len() > allowed {
                        break;
                    }
                }
            }
        }
        outcome.parcel.records = converted;
        outcome.records_in = converted + outcome.rejects.len() as u64;
    }
}
