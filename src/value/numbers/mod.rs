//! The numbers of many records at once: integers at one scale, which nearly all columns are.
//!
//! A loop over these has no branch for kinds of values, and what it makes is exact: whatever does
//! not fit (a number past 64 bits at the common scale, a double, text) makes no such list, and goes
//! the way of single values.

use bumpalo::Bump;

use super::decimal::{Decimal, power_of_ten};
use super::parse::words::{LANES, Words};
use super::{Value, parse};
#[cfg(target_arch = "x86_64")]
use crate::bytes::processor::{Wide, widely};
use crate::record::Records;

/// Stands for null among mantissas; no number has it.
pub const NULL: i64 = i64::MIN;

/// More places than this are left to single values.
const WIDEST: u8 = 18;

/// One number (or null) for each of some records.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'v> {
    /// The integers that the numbers are at the common scale, or [`NULL`].
    pub mantissas: &'v [i64],
    /// How many of the digits stand behind the point.
    pub scale: u8,
    /// Whether each is written as [`parse::is_plain`] says, as computed ones will be.
    pub is_plain: bool,
}

impl<'v> Numbers<'v> {
    /// The numbers that these fields are; `None` where one is none, or does not fit.
    pub fn of_fields(
        records: &Records<'v>,
        column: usize,
        selection: &[u32],
        arena: &'v Bump,
    ) -> Option<Self> {
        let packed: &'v mut [i64] = arena.alloc_slice_fill_copy(selection.len(), NULL);
        let may_return = records.has_returns() && column + 1 == records.columns();
        let found = match may_return {
            true => None,
            false => {
                let work = PackShort {
                    records,
                    column,
                    selection,
                    packed,
                };
                widely(work, size_of_val(selection))
            }
        };
        let found = found.or_else(|| pack_any(records, column, selection, packed))?;
        let scale = found.scales.checked_ilog2().unwrap_or(0) as u8;
        if found.scales.count_ones() <= 1 {
            for place in packed.iter_mut() {
                // Null stays what it is.
                *place = match *place {
                    NULL => NULL,
                    packed => parse::mantissa_of(packed),
                };
            }
        } else {
            for place in packed.iter_mut().filter(|place| **place != NULL) {
                let places = scale - parse::scale_of(*place);
                *place = scaled_up(parse::mantissa_of(*place), places)?;
            }
        }
        Some(Numbers {
            mantissas: packed,
            scale,
            is_plain: found.is_plain,
        })
    }

    /// The same number for each of `count` records; `None` where it does not fit.
    pub fn of_constant(value: &Value<'_>, count: usize, arena: &'v Bump) -> Option<Self> {
        let (mantissa, scale) = match value {
            Value::Null => (NULL, 0),
            Value::Decimal(decimal) => (decimal.small_mantissa()?, decimal.scale()),
            _ => return None,
        };
        Some(Numbers {
            mantissas: arena.alloc_slice_fill_copy(count, mantissa),
            scale: Some(scale).filter(|scale| *scale <= WIDEST)?,
            is_plain: true,
        })
    }

    /// Those at these places.
    pub fn gather(&self, places: impl ExactSizeIterator<Item = usize>, arena: &'v Bump) -> Self {
        let mantissas = arena.alloc_slice_fill_iter(places.map(|place| self.mantissas[place]));
        Numbers { mantissas, ..*self }
    }

    /// One of them.
    #[inline(always)]
    pub fn get(&self, place: usize) -> Value<'v> {
        match self.mantissas[place] {
            NULL => Value::Null,
            mantissa => Value::Decimal(Decimal::raw(i128::from(mantissa), self.scale)),
        }
    }

    /// The same numbers at a scale that is not smaller; `None` where one does not fit there.
    pub fn at_scale(&self, scale: u8, arena: &'v Bump) -> Option<Self> {
        if scale == self.scale {
            return Some(*self);
        }
        let power = small_power(scale.checked_sub(self.scale)?)?;
        self.each(scale, arena, |mantissa| mantissa.overflowing_mul(power))
    }

    /// `-x` of each.
    pub fn negate(&self, arena: &'v Bump) -> Option<Self> {
        self.each(self.scale, arena, i64::overflowing_neg)
    }

    /// The sums.
    pub fn add(&self, other: &Self, arena: &'v Bump) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale, arena)?, other.at_scale(scale, arena)?);
        a.with(&b, scale, arena, i64::overflowing_add)
    }

    /// The differences.
    pub fn subtract(&self, other: &Self, arena: &'v Bump) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale, arena)?, other.at_scale(scale, arena)?);
        a.with(&b, scale, arena, i64::overflowing_sub)
    }

    /// The products.
    pub fn multiply(&self, other: &Self, arena: &'v Bump) -> Option<Self> {
        let scale = self.scale + other.scale;
        self.with(other, scale, arena, i64::overflowing_mul)
    }

    /// One number of each; `None` where one does not fit.
    #[inline(always)]
    fn each(
        &self,
        scale: u8,
        arena: &'v Bump,
        compute: impl Fn(i64) -> (i64, bool),
    ) -> Option<Self> {
        let mut is_past = scale > WIDEST;
        let mantissas = self.mantissas.iter().map(|&mantissa| {
            let (made, overflows) = compute(mantissa);
            let is_null = mantissa == NULL;
            is_past |= !is_null & (overflows | (made == NULL));
            if is_null { NULL } else { made }
        });
        let mantissas = arena.alloc_slice_fill_iter(mantissas);
        (!is_past).then_some(Numbers {
            mantissas,
            scale,
            is_plain: true,
        })
    }

    /// One number of each two; `None` where one does not fit.
    #[inline(always)]
    fn with(
        &self,
        other: &Self,
        scale: u8,
        arena: &'v Bump,
        compute: impl Fn(i64, i64) -> (i64, bool),
    ) -> Option<Self> {
        let mut is_past = scale > WIDEST;
        let pairs = self.mantissas.iter().zip(other.mantissas);
        let mantissas = pairs.map(|(&a, &b)| {
            let (made, overflows) = compute(a, b);
            let is_null = (a == NULL) | (b == NULL);
            is_past |= !is_null & (overflows | (made == NULL));
            if is_null { NULL } else { made }
        });
        let mantissas = arena.alloc_slice_fill_iter(mantissas);
        (!is_past).then_some(Numbers {
            mantissas,
            scale,
            is_plain: true,
        })
    }
}

/// What was found of a column besides the numbers.
struct Spellings {
    /// A bit for each scale that occurs.
    scales: u32,
    /// Whether all are spelled as [`parse::is_plain`] says.
    is_plain: bool,
}

/// Packs unquoted fields, nearly all of eight bytes at most; `None` where there is another. Four lanes of 64
/// bits that shift by different counts make it faster.
struct PackShort<'r, 'b> {
    records: &'r Records<'b>,
    column: usize,
    selection: &'r [u32],
    packed: &'r mut [i64],
}

impl Wide for PackShort<'_, '_> {
    type Found = Option<Spellings>;

    #[inline(always)]
    fn run(self) -> Option<Spellings> {
        pack_short(self.records, self.column, self.selection, self.packed)
    }
}

#[inline(always)]
fn pack_short(
    records: &Records<'_>,
    column: usize,
    selection: &[u32],
    packed: &mut [i64],
) -> Option<Spellings> {
    let (block, fields) = (records.bytes(), records.column(column));
    let mut found = Spellings {
        scales: 0,
        is_plain: true,
    };
    let mut words = Words::NONE;
    for (packed, selection) in packed.chunks_mut(LANES).zip(selection.chunks(LANES)) {
        // Fields that are not one to eight bytes long, by bits.
        let mut others = 0u32;
        for (place, &record) in selection.iter().enumerate() {
            let field = fields.place(record);
            let length = field.len();
            match block[..field.end].last_chunk::<8>() {
                Some(word) if length.wrapping_sub(1) < 8 => {
                    words.bytes[place] = u64::from_le_bytes(*word);
                    words.lengths[place] = length as u64;
                }
                _ => others |= 1 << place,
            }
        }
        let parsed = words.parse();
        if parsed.is_bad {
            return None;
        }
        found.is_plain &= parsed.is_plain;
        for (place, packed) in packed.iter_mut().enumerate() {
            *packed = parse::pack(parsed.mantissas[place], parsed.points[place]);
            found.scales |= 1 << parse::scale_of(*packed);
        }
        while others != 0 {
            let place = others.trailing_zeros() as usize;
            others &= others - 1;
            packed[place] = pack_other(&block[fields.place(selection[place])], &mut found)?;
        }
    }
    Some(found)
}

/// Packs a field that is empty or longer than eight bytes.
#[inline(never)]
fn pack_other(field: &[u8], found: &mut Spellings) -> Option<i64> {
    if field.is_empty() {
        return Some(NULL);
    }
    let (packed, is_plain) = parse::packed_field(field)?;
    found.is_plain &= is_plain;
    found.scales |= 1 << parse::scale_of(packed);
    Some(packed)
}

/// Packs fields of any kind; `None` where one is no number of at most sixteen digits.
fn pack_any(
    records: &Records<'_>,
    column: usize,
    selection: &[u32],
    packed: &mut [i64],
) -> Option<Spellings> {
    let mut found = Spellings {
        scales: 0,
        is_plain: true,
    };
    for (out, &record) in packed.iter_mut().zip(selection) {
        let field = records.field(record as usize, column);
        *out = match field {
            [] => NULL,
            [b'"', content @ .., b'"'] => {
                found.is_plain = false;
                parse::packed_field(content)?.0
            }
            _ => {
                let (packed, is_plain) = parse::packed_field(field)?;
                found.is_plain &= is_plain;
                packed
            }
        };
        if *out != NULL {
            found.scales |= 1 << parse::scale_of(*out);
        }
    }
    Some(found)
}

/// `10^exponent` where 64 bits hold it.
#[inline]
pub fn small_power(exponent: u8) -> Option<i64> {
    (exponent <= WIDEST).then(|| power_of_ten(exponent) as i64)
}

#[inline]
fn scaled_up(mantissa: i64, places: u8) -> Option<i64> {
    mantissa
        .checked_mul(small_power(places)?)
        .filter(|mantissa| *mantissa != NULL)
}

#[cfg(test)]
mod tests;
