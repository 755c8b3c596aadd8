//! The one function that SQLite takes from the C library's mathematics.

/// The natural logarithm by its C name: what full text search ranks by (FTS5's `bm25`).
///
/// With this a program needs no libm, whose loading its start would wait for.
#[unsafe(no_mangle)]
extern "C" fn log(x: f64) -> f64 {
    pxfm::f_log(x)
}
