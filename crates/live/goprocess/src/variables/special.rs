//! Values that say more than their fields: times, and the texts of errors.
//!
//! Source: `time/time.go` (`Time`, `Duration.String`), `errors/errors.go`, `fmt/errors.go`, the same from Go 1.21 to 1.27.

use super::place::Bits;
use super::print::{Printer, part};
use super::types::{Kind, Type};

/// `hasMonotonic` of a `time.Time`'s first word.
const HAS_MONOTONIC: u64 = 1 << 63;
const NANOSECONDS: u64 = (1 << 30) - 1;
/// Seconds from the year 1 to 1885, from where the seconds in the first word count.
const TO_1885: i64 = (1884 * 365 + 1884 / 4 - 1884 / 100 + 1884 / 400) * 86_400;
/// Seconds from the year 1 to 1970.
const TO_1970: i64 = 62_135_596_800;

/// Errors that are a text, by their runtime type: the first field has it.
const TEXTS: &[&str] = &["*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors"];

impl Printer<'_, '_> {
    /// A value that has a text of its own.
    pub(super) fn special(&mut self, ty: &Type, bits: &Bits) -> Option<String> {
        let text = match ty.name.as_str() {
            "time.Duration" if matches!(ty.kind, Kind::Int) => {
                duration(bits.word(0)?.0.cast_signed())
            }
            "time.Time" if matches!(ty.kind, Kind::Struct(_)) => {
                time(bits.word(0)?.0, bits.word(8)?.0.cast_signed())?
            }
            _ => return None,
        };
        Some(format!("{}({text})", ty.name))
    }

    /// What an error of package errors or fmt says, in quotes.
    pub(super) fn error_text(&mut self, ty: &Type, bits: &Bits) -> Option<String> {
        if !TEXTS.contains(&ty.name.as_str()) {
            return None;
        }
        let pointee = self.type_of(ty.pointee()?)?;
        let held = self.behind(bits, &pointee);
        let Kind::Struct(fields) = &pointee.kind else { return None };
        let field = fields.first()?;
        let is_text = matches!(self.type_of(field.ty)?.kind, Kind::String);
        let text = part(&held, field.offset, 16).filter(|_| is_text)?;
        Some(self.string(&text))
    }
}

/// As RFC 3339 has it, in UTC; `None` of years that it cannot say.
fn time(wall: u64, ext: i64) -> Option<String> {
    let nanosecond = wall & NANOSECONDS;
    let seconds = match wall & HAS_MONOTONIC {
        0 => ext,
        _ => TO_1885.checked_add(i64::try_from((wall << 1) >> 31).ok()?)?,
    };
    let unix = seconds.checked_sub(TO_1970)?;
    let (days, second) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = date(days)?;
    if !(1..=9999).contains(&year) || nanosecond >= 1_000_000_000 {
        return None;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = match nanosecond {
        0 => String::new(),
        _ => format!(".{nanosecond:09}").trim_end_matches('0').to_owned(),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Year, month and day, so many days after 1 January 1970: by years that begin in March, in eras of 400 of them.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    const ERA: i64 = 146_097;
    let from_march_0 = days.checked_add(719_468)?;
    let (era, day_of_era) = (from_march_0.div_euclid(ERA), from_march_0.rem_euclid(ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    Some((year, month, day))
}

/// `1h2m3.5s`, as Go prints it.
pub(super) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let text = match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{all}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(all, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(all, 1_000_000)),
        _ => {
            let (minutes, rest) = (all / 60_000_000_000, all % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_go_does() {
        let second = 1_000_000_000;
        assert_eq!(duration(90 * second), "1m30s");
        assert_eq!(duration(3_600 * second), "1h0m0s");
        assert_eq!(duration(1_500_000), "1.5ms");
        assert_eq!(duration(-2_030_000), "-2.03ms");
        assert_eq!(duration(i64::MIN), "-2562047h47m16.854775808s");
    }

    #[test]
    fn times_are_printed_in_utc_with_or_without_a_monotonic_clock() {
        assert_eq!(time(0, 0).as_deref(), Some("0001-01-01T00:00:00Z"));
        let seconds = 1_700_000_000 + TO_1970;
        assert_eq!(time(5_000_000, seconds).as_deref(), Some("2023-11-14T22:13:20.005Z"));
        let wall = HAS_MONOTONIC | ((seconds - TO_1885).cast_unsigned() << 30);
        assert_eq!(time(wall, 12_345).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(time(0, i64::MAX), None);
        assert_eq!(time(NANOSECONDS, seconds), None);
    }
}
