//! A share of requests, in parts per million.

use std::fmt;
use std::str::FromStr;

/// A share of requests, in parts per million: whole numbers of percent are too coarse for a race
/// build that should see one request in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);
    /// Everything.
    pub const ALL: Share = Share(Share::WHOLE);
    /// Parts in the whole.
    pub const WHOLE: u32 = 1_000_000;

    /// `parts` in a million, at most all of it.
    pub const fn ppm(parts: u32) -> Share {
        Share(if parts > Share::WHOLE { Share::WHOLE } else { parts })
    }

    /// In parts per million.
    pub const fn as_ppm(self) -> u32 {
        self.0
    }

    /// Between 0 and 1.
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Share::WHOLE)
    }

    /// This much of it: `factor` between 0 and 1.
    pub fn scaled(self, factor: f64) -> Share {
        // In range: both are bounded, and the cast saturates.
        Share((f64::from(self.0) * factor.clamp(0.0, 1.0)).round() as u32)
    }

    /// Whether `position`, evenly spread over all of `u64`, lies in this share of it. Growing a share
    /// keeps what lay in it.
    pub fn holds(self, position: u64) -> bool {
        // Multiplied high: position / 2^64 * WHOLE < parts, without rounding.
        (u128::from(position) * u128::from(Share::WHOLE)) >> 64 < u128::from(self.0)
    }
}

/// `2%`, `0.02` or `20000 ppm`.
impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is no share of the requests; write it like 2%, 0.02 or 20000 ppm");
        let text = text.trim();
        let (number, scale) = if let Some(number) = text.strip_suffix('%') {
            (number, 1e4)
        } else if let Some(number) = text.strip_suffix("ppm") {
            (number, 1.0)
        } else {
            (text, 1e6)
        };
        let parts = number.trim().parse::<f64>().map_err(|_| refused())? * scale;
        if !(0.0..=1e6).contains(&parts) {
            return Err(refused());
        }
        if parts > 0.0 && parts < 1.0 {
            return Err(format!("`{text}` is less than one request in a million"));
        }
        Ok(Share(parts.round() as u32))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = format!("{:.4}", self.as_fraction() * 100.0);
        f.pad(&format!("{}%", percent.trim_end_matches('0').trim_end_matches('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_people_write_them() {
        assert_eq!("2%".parse(), Ok(Share::ppm(20_000)));
        assert_eq!("0.02".parse(), Ok(Share::ppm(20_000)));
        assert_eq!("150 ppm".parse(), Ok(Share::ppm(150)));
        assert_eq!("100%".parse(), Ok(Share::ALL));
        assert_eq!(Share::ppm(20_000).to_string(), "2%");
        assert_eq!(Share::ppm(125).to_string(), "0.0125%");
        assert!("120%".parse::<Share>().is_err());
        assert!("NaN".parse::<Share>().is_err());
        assert!("0.0000001".parse::<Share>().unwrap_err().contains("one request in a million"));
    }

    #[test]
    fn a_share_holds_exactly_its_part_of_the_positions() {
        assert!(!Share::NONE.holds(0));
        assert!(Share::ALL.holds(u64::MAX));
        let half = Share::ppm(500_000);
        assert!(half.holds(u64::MAX / 2) && !half.holds(u64::MAX / 2 + 1));
    }

    #[test]
    fn a_share_that_grows_keeps_who_was_in_it() {
        for position in (0..u64::MAX).step_by(usize::MAX / 1000) {
            assert!(!Share::ppm(20_000).holds(position) || Share::ppm(30_000).holds(position));
        }
    }
}
