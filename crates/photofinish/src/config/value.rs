//! Values with a unit, as people write them in a file or a flag: `30s`, `5%`, `512MiB`.

use serde::{Deserialize, Deserializer};
use std::str::FromStr;
use std::time::Duration;

/// A length of time: `500ms`, `30s`, `2m`, `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A share: `5%` or `0.05`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percent(pub(crate) f64);

/// An amount of memory: `512MiB`, `2GB`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

/// Reads a [`Span`]'s duration, for a flag.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    text.parse::<Span>().map(|span| span.0)
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is no length of time; write it like 500ms, 30s, 2m or 1h");
        if text.trim() == "0" {
            return Ok(Span(Duration::ZERO));
        }
        let span: jiff::SignedDuration = text.trim().parse().map_err(|_| refused())?;
        Duration::try_from(span).map(Span).map_err(|_| refused())
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no share; write it like 5% or 0.05");
        let (number, scale) = match text.trim().strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text.trim(), 1.0),
        };
        let share = number.trim().parse::<f64>().map_err(|_| refused())? / scale;
        if (0.0..=1.0).contains(&share) { Ok(Percent(share)) } else { Err(refused()) }
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no amount of memory; write it like 512MiB or 2GB");
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| refused())?;
        let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" | "ki" => 1 << 10,
            "m" | "mib" | "mi" => 1 << 20,
            "g" | "gib" | "gi" => 1 << 30,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            _ => return Err(refused()),
        };
        number.checked_mul(unit).map(Bytes).ok_or_else(refused)
    }
}

/// Lets a value be read from a TOML string by its `FromStr`.
macro_rules! from_toml_string {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
from_toml_string!(Span, Percent, Bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_times_shares_and_sizes_with_units() {
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        assert_eq!("1h 30m".parse(), Ok(Span(Duration::from_secs(5400))));
        assert_eq!("0".parse(), Ok(Span(Duration::ZERO)));
        assert_eq!("5%".parse(), Ok(Percent(0.05)));
        assert_eq!("0.5".parse(), Ok(Percent(0.5)));
        assert_eq!("512MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("2 GB".parse(), Ok(Bytes(2_000_000_000)));
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_with_an_example() {
        assert!("fast".parse::<Span>().unwrap_err().contains("30s"));
        assert!("-3s".parse::<Span>().is_err());
        assert!("140%".parse::<Percent>().is_err());
        assert!("12 parsecs".parse::<Bytes>().unwrap_err().contains("512MiB"));
        assert!("99999999999GiB".parse::<Bytes>().is_err());
    }
}
