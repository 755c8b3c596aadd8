//! Lengths as stored before keys, records and states: 4 bytes, plus 8 for lengths of 4 GiB and more, which the
//! state of a group can reach.

/// Says that the length follows in 8 bytes.
const LONG: u32 = u32::MAX;

/// Appends a length.
#[inline(always)]
pub(super) fn push(length: usize, out: &mut Vec<u8>) {
    match u32::try_from(length) {
        Ok(short) if short != LONG => out.extend_from_slice(&short.to_le_bytes()),
        _ => {
            out.extend_from_slice(&LONG.to_le_bytes());
            out.extend_from_slice(&(length as u64).to_le_bytes());
        }
    }
}

/// Reads what [`push`] appended from the front; 0 if nothing is left.
#[inline(always)]
pub(super) fn split(bytes: &[u8]) -> (usize, &[u8]) {
    let Some((short, rest)) = bytes.split_first_chunk::<4>() else {
        return (0, bytes);
    };
    match (u32::from_le_bytes(*short), rest.split_first_chunk::<8>()) {
        (LONG, Some((long, rest))) => (u64::from_le_bytes(*long) as usize, rest),
        (short, _) => (short as usize, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_past_four_gibibytes_are_kept() {
        let most = LONG as usize;
        for length in [0, 1, most - 1, most, most + 1, 5 << 30, usize::MAX] {
            let mut bytes = Vec::new();
            push(length, &mut bytes);
            assert_eq!(bytes.len(), if length < most { 4 } else { 12 });
            bytes.push(b'x');
            assert_eq!(split(&bytes), (length, &b"x"[..]));
        }
        assert_eq!(split(&[]), (0, &[][..]));
    }
}
