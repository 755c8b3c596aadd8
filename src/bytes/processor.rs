//! Which instructions the processor has beyond its baseline.
//!
//! CPUID traps to the hypervisor, and std's detection runs it ten times: a tenth of a millisecond, longer than a
//! small input takes to scan without vectors.

/// Instruction sets; each level includes the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Features {
    /// The baseline only.
    Basic,
    /// AVX2, PCLMULQDQ, BMI1, BMI2, POPCNT and LZCNT.
    Avx2,
    /// AVX-512F, BW, VL and VBMI2. VBMI2 excludes the processors that lower their clock for AVX-512.
    Avx512,
}

/// Returns the processor's features, or `Basic` until enough bytes were scanned to pay for the detection; `bytes`
/// is how many are about to be. Debug builds, which the tests run, detect at once. The environment variable
/// `PIPEWRIGHT_FEATURES` sets an upper limit: `basic` or `avx2`.
pub fn features(bytes: usize) -> Features {
    #[cfg(target_arch = "x86_64")]
    return x86_64::features(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = bytes;
        Features::Basic
    }
}

/// Whether the PDEP instruction is fast. Only meaningful on processors with AVX2.
pub fn is_pdep_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !x86_64::is_pdep_slow();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Work that is compiled twice: for the baseline and for [`Features::Avx2`]. `run` and everything it calls must be
/// `#[inline(always)]`; functions that are not are compiled for the baseline only.
pub trait Wide {
    /// The result.
    type Found;

    /// Does the work.
    fn run(self) -> Self::Found;
}

/// Does work over `bytes` bytes with the best instructions available.
#[inline]
pub fn widely<W: Wide>(work: W, bytes: usize) -> W::Found {
    #[cfg(target_arch = "x86_64")]
    if features(bytes) >= Features::Avx2 {
        // SAFETY: the processor has the features.
        return unsafe { x86_64::with_avx2(work) };
    }
    let _ = bytes;
    work.run()
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Features;
    use std::arch::x86_64::__cpuid;
    use std::env;
    use std::is_x86_feature_detected as has;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Bytes scanned before the processor is asked.
    const FEW: usize = 16 << 10;

    pub(super) fn features(bytes: usize) -> Features {
        static SO_FAR: AtomicUsize = AtomicUsize::new(0);
        if !cfg!(debug_assertions)
            && SO_FAR.load(Relaxed) < FEW
            && SO_FAR.fetch_add(bytes, Relaxed) + bytes < FEW
        {
            return Features::Basic;
        }
        detected().min(*MOST)
    }

    /// The limit set by the environment.
    static MOST: LazyLock<Features> =
        LazyLock::new(|| match env::var("PIPEWRIGHT_FEATURES").as_deref() {
            Ok("basic") => Features::Basic,
            Ok("avx2") => Features::Avx2,
            _ => Features::Avx512,
        });

    fn detected() -> Features {
        let has_bits = has!("bmi1") && has!("bmi2") && has!("popcnt") && has!("lzcnt");
        if !has_bits || !has!("avx2") || !has!("pclmulqdq") {
            return Features::Basic;
        }
        let has_parts = has!("avx512f") && has!("avx512bw") && has!("avx512vl");
        match has_parts && has!("avx512vbmi2") {
            true => Features::Avx512,
            false => Features::Avx2,
        }
    }

    /// Does work with all instructions of [`Features::Avx2`].
    ///
    /// # Safety
    /// The processor must have them.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) unsafe fn with_avx2<W: super::Wide>(work: W) -> W::Found {
        work.run()
    }

    /// Whether PDEP runs in microcode, many times slower: AMD processors before family 25 (Zen 3).
    pub(super) fn is_pdep_slow() -> bool {
        static IS_SLOW: LazyLock<bool> = LazyLock::new(|| {
            let leaf = __cpuid(0);
            let is_amd = leaf.ebx == u32::from_le_bytes(*b"Auth");
            let version = __cpuid(1).eax;
            let family = (version >> 8 & 0xF) + (version >> 20 & 0xFF);
            is_amd && family < 25
        });
        *IS_SLOW
    }
}
