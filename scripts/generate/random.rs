//! Where the data's chance comes from: the same seed gives the same bytes everywhere.

/// Sebastiano Vigna's splitmix64 (public domain).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, near enough uniform.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// One of several texts.
    pub fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }

    /// One of several texts, the first most often.
    pub fn pick_first<'t>(&mut self, of: &[&'t str]) -> &'t str {
        let limit = of.len() as u64;
        of[self.below(limit).min(self.below(limit)) as usize]
    }
}

/// A second of a calendar whose year has twelve months of 28 days: dates that need no table.
pub struct Moment {
    /// The year, from 2020 on.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 28.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
}

impl Moment {
    /// The moment so many seconds after the start of 2020.
    pub fn at(second: u64) -> Moment {
        let day = second / 86_400;
        Moment {
            year: 2020 + day / 336,
            month: day / 28 % 12 + 1,
            day: day % 28 + 1,
            hour: second / 3_600 % 24,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

impl std::fmt::Display for Moment {
    /// As ISO 8601, in UTC.
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            out,
            "{}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}
