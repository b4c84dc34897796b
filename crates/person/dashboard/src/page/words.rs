//! Numbers and times in words.

use jiff::Timestamp;
use maud::{Markup, html};

/// `3 h ago`, with the time itself for whoever asks.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(minute(at)) { (distance(at, now)) } }
}

/// `2026-11-21 10:15 UTC, 3 h ago`: to be compared with what else happened then, where nobody points at it.
pub(super) fn when(at: Timestamp, now: Timestamp) -> Markup {
    let seconds = now.as_second() - at.as_second();
    let is_recent = (-59..=2_591_999).contains(&seconds);
    html! { time datetime=(at) { (minute(at)) @if is_recent { ", " (distance(at, now)) } } }
}

/// `2026-11-21 10:15 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-11-21`.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `12,345`.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 finding`, `2 findings`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// With a capital in front.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `unsynchronized-access` as people write it.
pub(super) fn spaced(word: &str) -> String {
    word.replace('-', " ")
}

fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    match seconds {
        i64::MIN..=-60 => minute(at),
        -59..=59 => "just now".to_owned(),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        86_400..=2_591_999 => format!("{} d ago", seconds / 86_400),
        _ => day(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(counted(1, "finding"), "1 finding");
        assert_eq!(counted(12_000, "finding"), "12,000 findings");
        assert_eq!(sentence("no finding"), "No finding");
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        assert_eq!(distance(at(0), at(30)), "just now");
        assert_eq!(distance(at(0), at(7_300)), "2 h ago");
        assert_eq!(distance(at(0), at(86_400 * 40)), "1970-01-01");
        assert_eq!(distance(at(7_300), at(0)), "1970-01-01 02:01 UTC");
    }
}
