//! Colours, widths and the words for times: the few things every page of text shares.
//!
//! Text is made with its colours in it; `anstream` takes them out where nobody sees them (no
//! terminal, `NO_COLOR`) and `CLICOLOR_FORCE` keeps them. Colour only decorates: each thing it says is also
//! said in words. What comes from a report is passed through [`clean`], since a terminal obeys what it prints.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use photofinish_store::State;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// `text`, to be clicked on: a hyperlink to a file of this machine, as terminals take it (OSC 8). Whatever is in the
/// path is spelled so that a terminal obeys none of it.
pub(crate) fn link(file: &Path, text: &str) -> String {
    let mut url = format!("file://{}", rustix::system::uname().nodename().to_string_lossy());
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                url.push(char::from(*byte));
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\")
}

/// The colour of a state: red asks for somebody, green is done.
pub(crate) fn of_state(state: State) -> Style {
    match state {
        State::Regressed => RED.bold(),
        State::New => RED,
        State::Acknowledged => YELLOW,
        State::Suppressed => DIM,
        State::Fixed => GREEN,
    }
}

/// `text` without what a terminal would obey: control characters become `\u{fffd}`.
pub(crate) fn clean(text: &str) -> String {
    let replaced = |c: char| if c == '\t' || !is_control(c) { c } else { '\u{fffd}' };
    text.chars().map(replaced).collect()
}

/// As [`clean`], but lines stay lines.
pub(crate) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// The columns of the terminal that stdout is; `None` when it goes elsewhere.
pub(crate) fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(width.0).max(40))
}

/// `text` cut to `width` columns, its loss marked by `…`.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// `text` cut to `width` columns at its beginning.
pub(crate) fn shorten_front(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length + 1 - width.max(1)).collect();
    format!("…{kept}")
}

/// `text` in lines of at most `width` columns, broken at spaces (not at U+00A0).
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split([' ', '\n', '\t']).filter(|word| !word.is_empty()) {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// How long before `now` something was: `now`, `5 min ago`, `3 h ago`, `12 d ago`, then the day.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    match seconds {
        ..0 => minute(at),
        0..10 => "now".to_owned(),
        10..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..2_592_000 => format!("{} d ago", seconds / 86_400),
        _ => at.strftime("%Y-%m-%d").to_string(),
    }
}

/// `2026-11-21 23:10Z`.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// `1 time`, `12 times`.
pub(crate) fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn is_control(c: char) -> bool {
    // Besides the control characters proper: the marks that turn text around (bidi).
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_report_cannot_drive_the_terminal() {
        assert_eq!(clean("main.f\x1b[2J\u{202e}x\n"), "main.f\u{fffd}[2J\u{fffd}x\u{fffd}");
        assert_eq!(clean("main.größe"), "main.größe");
    }

    #[test]
    fn a_link_is_a_file_whatever_its_name_is() {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let linked = link(Path::new("/a b/\x1b]0;x.go"), "x.go:6");
        let url = format!("file://{host}/a%20b/%1B%5D0%3Bx.go");
        assert_eq!(linked, format!("\x1b]8;;{url}\x1b\\x.go:6\x1b]8;;\x1b\\"));
    }

    #[test]
    fn long_text_is_cut_where_it_matters_least() {
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten_front("/a/b/c.go", 6), "…/c.go");
        assert_eq!(shorten("größe", 5), "größe");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }

    #[test]
    fn times_are_told_as_people_do() {
        let now = Timestamp::from_second(10_000_000).unwrap();
        let before = |seconds: i64| ago(Timestamp::from_second(10_000_000 - seconds).unwrap(), now);
        assert_eq!(before(3), "now");
        assert_eq!(before(59), "59 s ago");
        assert_eq!(before(7_300), "2 h ago");
        assert_eq!(before(86_400 * 3), "3 d ago");
        assert_eq!(before(86_400 * 90), "1970-01-26");
        assert_eq!(before(-60), "1970-04-26 17:47Z");
    }
}
