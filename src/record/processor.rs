//! What the processor can do.
//!
//! Each question to it leaves a virtual machine, and Rust's own detection asks ten: a tenth of a
//! millisecond, in which the bytes of a small run are long scanned without.

use std::arch::x86_64::__cpuid;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many bytes are scanned before the processor is asked.
const FEW: usize = 16 << 10;

/// Whether so many more bytes are best worked on with AVX2, PCLMULQDQ, BMI1, BMI2, POPCNT and
/// LZCNT, which the processor has then.
pub fn is_worth_avx2(bytes: usize) -> bool {
    static SO_FAR: AtomicUsize = AtomicUsize::new(0);
    let is_early = SO_FAR.load(Relaxed) < FEW && SO_FAR.fetch_add(bytes, Relaxed) + bytes < FEW;
    !is_early && has_avx2()
}

fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("pclmulqdq")
        && std::is_x86_feature_detected!("bmi1")
        && std::is_x86_feature_detected!("bmi2")
        && std::is_x86_feature_detected!("popcnt")
        && std::is_x86_feature_detected!("lzcnt")
}

/// Whether PDEP is done in microcode, many times slower: AMD's processors before family 25.
pub fn is_pdep_slow() -> bool {
    static IS_SLOW: LazyLock<bool> = LazyLock::new(|| {
        let leaf = __cpuid(0);
        let is_amd = leaf.ebx == u32::from_le_bytes(*b"Auth");
        let version = __cpuid(1).eax;
        let family = (version >> 8 & 0xF) + (version >> 20 & 0xFF);
        is_amd && family < 25
    });
    *IS_SLOW
}
