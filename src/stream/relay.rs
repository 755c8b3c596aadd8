//! Passes bytes on unchanged as they arrive.

use std::io;

use anyhow::Context;

use crate::record::RecordCount;
use crate::trust::{Carried, Ends};

use super::{Flow, Source};

/// Bytes per read.
const PIECE: usize = 256 * 1024;

/// How the relay of a source ended.
#[derive(Debug, PartialEq)]
pub enum Relayed {
    /// It reached a clean end, which carried this.
    Whole(Carried),
    /// Downstream wanted no more, so the end of the source is unknown.
    Left,
}

/// Passes on every piece of `source` as it arrives, with the number of records that end in it according to `count`;
/// the last piece may be empty. Nothing is changed and nothing is rejected.
///
/// # Errors
/// Reading or delivering failed, or the upstream failed.
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
