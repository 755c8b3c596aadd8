//! Exact decimal numbers: an integer mantissa and a scale.

/// The number `mantissa / 10^scale`: at most 38 significant digits, scale 0 to 38. Not
/// normalised: `1.50` keeps its scale of 2 until it is printed or compared.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: Mantissa,
    scale: u8,
}

/// An `i128` on an 8-byte boundary, so that a [`super::Value`] takes 32 bytes and not 48.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(8))]
struct Mantissa(i128);
