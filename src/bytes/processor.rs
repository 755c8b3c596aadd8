//! What the processor can do beyond what every one of its kind can.
//!
//! Each question to it leaves a virtual machine, and Rust's own detection asks ten: a tenth of a
//! millisecond, in which the bytes of a small run are long scanned without.

/// What can be relied on, each with what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Features {
    /// Nothing further.
    Basic,
    /// AVX2, PCLMULQDQ, BMI1, BMI2, POPCNT and LZCNT.
    Avx2,
    /// AVX-512F, BW, VL, and VBMI2, which only those have that don't slow down for them.
    Avx512,
}

/// The features of the processor, if asking for them pays for so many more bytes. In the debug build, which the
/// tests run, it pays at once. `PIPEWRIGHT_FEATURES` says how much to use at most: `basic` or `avx2`.
pub fn features(bytes: usize) -> Features {
    #[cfg(target_arch = "x86_64")]
    return x86_64::features(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = bytes;
        Features::Basic
    }
}

/// Whether bits can be dealt out by a mask in one fast instruction; for processors with AVX2.
pub fn is_pdep_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !x86_64::is_pdep_slow();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Work that is compiled twice: for every processor, and for one with [`Features::Avx2`]. Its `run` and all
/// that this calls must be `#[inline(always)]`, or it is compiled for every processor alone.
pub trait Wide {
    /// What comes of it.
    type Found;

    /// Does it.
    fn run(self) -> Self::Found;
}

/// Does work over so many bytes with what the processor has.
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

    /// How many bytes go by before the processor is asked.
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

    /// The most that the environment allows.
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
    /// The processor has them.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) unsafe fn with_avx2<W: super::Wide>(work: W) -> W::Found {
        work.run()
    }

    /// Whether PDEP is done in microcode, many times slower: AMD's before family 25.
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
