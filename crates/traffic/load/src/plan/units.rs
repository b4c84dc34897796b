//! Durations, shares, rates and stages as people write them on a command line.
//!
//! Every function says what it expected when it does not understand.

use super::{Ramp, Stage};
use std::time::Duration;

/// `250ms`, `30s`, `1m30s`, `2h`, `1.5s`; a bare number is not a duration.
///
/// # Errors
/// A sentence that says what was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is no duration (write 250ms, 30s or 1m30s)");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(problem());
    }
    let mut total_s = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(problem)?;
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| problem())?;
        let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total_s += number
            * match unit {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return Err(problem()),
            };
        rest = tail;
    }
    Duration::try_from_secs_f64(total_s).map_err(|_| problem())
}

/// `5%` or `0.05`, as a share of one.
///
/// # Errors
/// A sentence that says what was expected.
pub fn share(text: &str) -> Result<f64, String> {
    let problem = || format!("{text:?} is no share (write 5% or 0.05)");
    let (number, unit) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text.trim(), 1.0),
    };
    let share = number.parse::<f64>().map_err(|_| problem())? / unit;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(problem()) }
}

/// `200`, `200/s`, `600/m`, `1000/h`, in requests a second.
///
/// # Errors
/// A sentence that says what was expected.
pub fn rate(text: &str) -> Result<f64, String> {
    let problem = || format!("{text:?} is no rate (write 200, 200/s or 600/m)");
    let (number, per_s) = match text.trim().split_once('/') {
        None => (text.trim(), 1.0),
        Some((number, "s" | "1s")) => (number, 1.0),
        Some((number, "m" | "1m")) => (number, 60.0),
        Some((number, "h" | "1h")) => (number, 3600.0),
        Some(_) => return Err(problem()),
    };
    let rate = number.parse::<f64>().map_err(|_| problem())? / per_s;
    if rate.is_finite() && (0.0..=1e9).contains(&rate) { Ok(rate) } else { Err(problem()) }
}

/// `30s:50,2m:200`: over 30 s to 50, then over 2 min to 200. Values are workers, or rates when
/// written with a unit (`30s:50/s`); the flag says whether they were.
///
/// # Errors
/// A sentence that says what was expected, and which stage is wrong.
pub fn stages(text: &str) -> Result<(Vec<Stage>, bool), String> {
    let (mut stages, mut with_unit) = (Vec::new(), 0);
    for part in text.split(',') {
        let (over, to) = part
            .split_once(':')
            .ok_or_else(|| format!("the stage {part:?} is not DURATION:VALUE, as in 30s:50"))?;
        let over = duration(over)?;
        if over.is_zero() {
            return Err(format!("the stage {part:?} lasts no time"));
        }
        with_unit += usize::from(to.contains('/'));
        stages.push(Stage { over, to: rate(to)? });
    }
    match with_unit {
        0 => Ok((stages, false)),
        n if n == stages.len() => Ok((stages, true)),
        _ => Err(format!("{text:?} mixes workers and rates: write /s after all values, or none")),
    }
}

/// The ramp of `stages` that starts at `start` (nothing: from zero).
pub fn ramp(start: Option<f64>, stages: Vec<Stage>) -> Ramp {
    Ramp { start: start.unwrap_or(0.0), stages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_with_units_and_may_be_joined() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        for bad in ["", "5", "5x", "s", "-3s", "1..5s", "99999999999999999999999d", "5 s 3"] {
            assert!(duration(bad).is_err(), "{bad:?} was understood");
        }
    }

    #[test]
    fn shares_and_rates_have_bounds() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.05"), Ok(0.05));
        assert!(share("105%").is_err() && share("-1%").is_err() && share("many").is_err());
        assert_eq!(rate("600/m"), Ok(10.0));
        assert!(rate("-1").is_err() && rate("NaN").is_err() && rate("3/y").is_err());
    }

    #[test]
    fn stages_are_workers_or_rates_but_not_both() {
        let (workers, rates) = stages("30s:50,2m:200").unwrap();
        assert!(!rates);
        assert_eq!(workers[1], Stage { over: Duration::from_secs(120), to: 200.0 });
        assert!(stages("30s:50/s,2m:200/s").unwrap().1);
        assert!(stages("30s:50/s,2m:200").unwrap_err().contains("mixes"));
        assert!(stages("30s").unwrap_err().contains("\"30s\""));
        assert!(stages("0s:5").is_err());
    }
}
