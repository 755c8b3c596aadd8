//! The shape of a source whose units are no records yet: lines, values.

use std::ops::{Range, RangeInclusive};

use crate::bytes::seek;
use crate::record::{Block, Fault, LineCursor, Malformed};
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Reject, Rejects};

use super::drive::BlockWork;
use super::reader::Framing;
use super::shapes::{Allowance, Bad, Outcome, gather};
use super::{Flow, Input, Made, Output, Settings, Summary};

/// A unit in, a record of the stream out.
pub trait Convert: Sync {
    /// What one thread keeps from unit to unit.
    type Scratch: Send;

    /// A thread's scratch at its start.
    fn scratch(&self) -> Self::Scratch;

    /// Appends the record that a unit is, with its newline, and gives the unit's length. `bytes` are
    /// a line without its line end; of values, the unit and all that follows in its block.
    ///
    /// # Errors
    /// The unit is no record; what was appended is taken back.
    fn unit(
        &self,
        scratch: &mut Self::Scratch,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault>;

    /// A faster way for units of the usual kind. `bytes` begin with a unit and go on to the end of its
    /// block. Appends what [`Convert::unit`] would, and gives the unit's length, of a line with its
    /// line end; `None` where the unit is another kind, whatever was appended.
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

/// What a conversion came to.
pub struct Converted<C: Convert> {
    /// The figures.
    pub summary: Summary,
    /// What each thread kept; none if the output was not wanted to its end, for then it depends on the
    /// threads how far they read.
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

/// The first units of `input`, which are not taken out of it, to `look`: as many as the end of
/// `count`, fewer if the input ends before; as many as its start are waited for.
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

/// Cuts a block into units and hands them to a converter.
struct OverUnits<'c, C> {
    converter: &'c C,
    framing: Framing,
    allowance: &'c Allowance,
}

impl<C> OverUnits<'_, C> {
    /// The place behind a unit that ends here, and behind its line end.
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
    /// Converts the units of a block, up to the bad one that is more than are allowed.
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
                    // What follows in the block, which may end anywhere, is no part of what is told.
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
