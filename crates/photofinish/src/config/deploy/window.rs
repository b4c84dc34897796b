//! Hours of the mirror, as a beginning and an end: KEDA's cron trigger knows no lengths.

use photofinish_deploy::Window;
use std::collections::BTreeSet;

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Reads a window that the proxy's schedule has understood, or says what of it KEDA could not keep.
pub(super) fn window(text: &str) -> Result<Window, String> {
    let (cron, length) = text.split_once(" for ").ok_or("it has no length")?;
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err("it has not five fields".to_owned());
    };
    if (day, month) != ("*", "*") {
        return Err("it names days of the month or months".to_owned());
    }
    let one = |field: &str| {
        field.parse::<u64>().map_err(|_| format!("`{field}` is not one hour or minute"))
    };
    let (minute, hour) = (one(minute)?, one(hour)?);
    let length: jiff::SignedDuration =
        length.trim().parse().map_err(|_| "its length is not understood")?;
    let seconds = u64::try_from(length.as_secs()).unwrap_or(0);
    if seconds == 0 || !seconds.is_multiple_of(60) {
        return Err("its length is no number of minutes".to_owned());
    }
    let end = hour * 60 + minute + seconds / 60;
    let days_later = usize::try_from(end / (24 * 60)).unwrap_or(usize::MAX);
    let (end_hour, end_minute) = (end / 60 % 24, end % 60);
    let (from, until) = if weekday == "*" {
        if seconds >= 24 * 3600 {
            return Err("it never ends; leave the schedule out".to_owned());
        }
        ("*".to_owned(), "*".to_owned())
    } else {
        if seconds >= 7 * 24 * 3600 {
            return Err("it never ends; leave the schedule out".to_owned());
        }
        let days = weekdays(weekday)?;
        let later = days.iter().map(|day| (day + days_later) % 7).collect();
        (listed(&days), listed(&later))
    };
    Ok(Window {
        text: text.to_owned(),
        start: format!("{minute} {hour} * * {from}"),
        end: format!("{end_minute} {end_hour} * * {until}"),
    })
}

/// `1-5`, `sat,sun`, `7`: days of the week, from Sunday.
fn weekdays(field: &str) -> Result<BTreeSet<usize>, String> {
    let refused = || format!("`{field}` is no list of days of the week");
    let day = |word: &str| -> Result<usize, String> {
        let named = DAYS.iter().position(|name| word.eq_ignore_ascii_case(name));
        named.or_else(|| word.parse().ok()).filter(|day| *day <= 7).ok_or_else(refused)
    };
    let mut days = BTreeSet::new();
    for item in field.split(',') {
        let (from, to) = item.split_once('-').unwrap_or((item, item));
        let (from, to) = (day(from)?, day(to)?);
        if from > to {
            return Err(refused());
        }
        days.extend((from..=to).map(|day| day % 7));
    }
    Ok(days)
}

/// As cron writes them: runs of three and more as ranges.
fn listed(days: &BTreeSet<usize>) -> String {
    let days: Vec<usize> = days.iter().copied().collect();
    let runs = days.chunk_by(|day, next| day + 1 == *next);
    let words = runs.flat_map(|run| match run {
        [first, _, .., last] => vec![format!("{first}-{last}")],
        few => few.iter().map(usize::to_string).collect(),
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_on_the_day_on_which_it_ends() {
        for (text, start, end) in [
            ("0 22 * * 1-5 for 8h", "0 22 * * 1-5", "0 6 * * 2-6"),
            ("0 0 * * sat,sun for 24h", "0 0 * * 0,6", "0 0 * * 0,1"),
            ("30 1 * * * for 90m", "30 1 * * *", "0 3 * * *"),
            ("0 20 * * fri for 60h", "0 20 * * 5", "0 8 * * 1"),
        ] {
            let window = window(text).unwrap();
            assert_eq!((window.start.as_str(), window.end.as_str()), (start, end), "{text}");
        }
    }

    #[test]
    fn what_keda_cannot_keep_is_refused() {
        for text in [
            "*/15 22 * * 1-5 for 8h",
            "0 22 1 * * for 8h",
            "0 0 * * * for 24h",
            "0 22 * * 1-5 for 30s",
        ] {
            assert!(window(text).is_err(), "{text}");
        }
    }
}
