//! Times as flags take them: `2h`, `3 days`, `2026-11-21`, `2026-11-21T23:10:00Z`.

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, Zoned};

/// `text` as a time before now, for `--since`.
pub(super) fn before_now(text: &str) -> Result<Timestamp, String> {
    parse(text, &Zoned::now(), false)
}

/// `text` as a time after now, for `--mute-until`.
pub(super) fn after_now(text: &str) -> Result<Timestamp, String> {
    let now = Zoned::now();
    let at = parse(text, &now, true)?;
    if at <= now.timestamp() {
        return Err("it has passed already".to_owned());
    }
    Ok(at)
}

fn parse(text: &str, now: &Zoned, ahead: bool) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local = |date: DateTime| date.to_zoned(now.time_zone().clone()).map(|at| at.timestamp());
    if let Ok(date) = text.parse::<Date>() {
        return local(date.at(0, 0, 0, 0)).map_err(|error| error.to_string());
    }
    if let Ok(date) = text.parse::<DateTime>() {
        return local(date).map_err(|error| error.to_string());
    }
    let span: Span = text.parse().map_err(|_| {
        format!("`{text}` is no time; write it like 2h, 3d, 2026-11-21 or 2026-11-21T23:10:00Z")
    })?;
    let at = if ahead { now.checked_add(span) } else { now.checked_sub(span) };
    at.map(|at| at.timestamp()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-21T12:00:00+01:00[+01:00]".parse().unwrap();
        let read = |text: &str, ahead| parse(text, &now, ahead).map(|at| at.to_string());
        assert_eq!(read("2h", false).unwrap(), "2026-11-21T09:00:00Z");
        assert_eq!(read("3 days", true).unwrap(), "2026-11-24T11:00:00Z");
        assert_eq!(read("30d", true).unwrap(), "2026-12-21T11:00:00Z");
        assert_eq!(read("2026-11-21", false).unwrap(), "2026-11-20T23:00:00Z");
        assert_eq!(read("2026-11-21T10:00:00Z", false).unwrap(), "2026-11-21T10:00:00Z");
        assert!(read("yesterday", false).unwrap_err().contains("2h"));
        assert!(after_now("2001-01-01").unwrap_err().contains("passed"));
    }
}
