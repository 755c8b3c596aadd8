//! Bytes handed on as they come, whatever they are.

use std::io;

use anyhow::Context;

use crate::record::RecordCount;
use crate::trust::{Carried, Ends};

use super::{Flow, Source};

/// What one read asks for.
const PIECE: usize = 256 * 1024;

/// How a source was handed on.
#[derive(Debug, PartialEq)]
pub enum Relayed {
    /// To its end, which is a clean one and came with this.
    Whole(Carried),
    /// Until nobody wanted more; how the source ends is not known.
    Left,
}

/// Hands on every piece of `source` as it comes, with the number of records that end in it, as
/// `count` tells; the last piece may be empty. Nothing is changed, and nothing is refused.
///
/// # Errors
/// Reading or delivering failed, or the source ended badly.
pub fn relay(
    source: &mut Source,
    ends: Ends,
    count: &mut RecordCount,
    deliver: &mut dyn FnMut(&[u8], u64) -> anyhow::Result<Flow>,
) -> anyhow::Result<Relayed> {
    let mut buffer = vec![0; PIECE];
    let mut records = 0;
    loop {
        let length = match source.read.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", source.name));
            }
        };
        let piece = &buffer[..length];
        let ended = count.add(piece);
        records += ended;
        if deliver(piece, ended)? == Flow::Enough {
            return Ok(Relayed::Left);
        }
    }
    let judged = source.judge(ends);
    let carried = judged.map_err(|unclean| unclean.after(records))?;
    match deliver(&[], count.finish())? {
        Flow::More => Ok(Relayed::Whole(carried)),
        Flow::Enough => Ok(Relayed::Left),
    }
}
