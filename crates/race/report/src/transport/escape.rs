//! Undoes escaped newlines: a whole report that somebody put into one string.
//!
//! The string may have been escaped several times, once per program it passed through. The words
//! of a report survive that, so the number of backslashes behind them says how often.
//!
//! Start at [`newlines`].

use crate::grammar::head;
use std::borrow::Cow;

/// As many times as a string is unescaped.
const MAX_LEVELS: usize = 5;

/// `text` with its lines apart, if it has a report with escaped newlines in it.
pub(super) fn newlines(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_LEVELS {
        let Some(region) = escaped_region(&text) else { break };
        text = Cow::Owned(unescape(region));
    }
    text
}

/// Undoes one level of escaping.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        let (shown, len) = match chars.next() {
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some(quoted @ ('"' | '\'' | '\\' | '/')) => (quoted, 1),
            Some('u') => unicode(rest, 5).unwrap_or(('\\', 0)),
            Some('x') => unicode(rest, 3).unwrap_or(('\\', 0)),
            _ => ('\\', 0),
        };
        plain.push(shown);
        rest = &rest[len..];
    }
    plain.push_str(rest);
    plain
}

/// The character of `u0041` or `x41` at the start of `text`, `len` bytes in all.
fn unicode(text: &str, len: usize) -> Option<(char, usize)> {
    let code = u32::from_str_radix(text.get(1..len)?, 16).ok()?;
    Some((char::from_u32(code)?, len))
}

/// The part of `text` to unescape: the quoted string around a report's first words, or all of it.
fn escaped_region(text: &str) -> Option<&str> {
    let line_of = |at: usize| {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        (start, end)
    };
    let at = head::find(text)?.start;
    let (start, end) = line_of(at);
    let line = &text[start..end];
    let behind = &line[at - start..];
    if !behind.contains("\\n") {
        return None;
    }
    let bytes = line.as_bytes();
    let (mut open, mut escaped) = (None, false);
    for (idx, byte) in bytes.iter().enumerate().take(at - start) {
        match byte {
            b'\\' => escaped = !escaped,
            b'"' if !escaped => open = if open.is_some() { None } else { Some(idx + 1) },
            _ => escaped = false,
        }
        if *byte == b'"' {
            escaped = false;
        }
    }
    let Some(open) = open else { return Some(line) };
    escaped = false;
    for (idx, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'\\' => escaped = !escaped,
            b'"' if !escaped && idx >= at - start => return Some(&line[open..idx]),
            _ => escaped = false,
        }
    }
    Some(&line[open..])
}

#[cfg(test)]
mod tests {
    use super::newlines;

    #[test]
    fn a_report_escaped_twice_is_unescaped_twice() {
        let once = r#"level=error msg="=====\nWARNING: DATA RACE\nRead at" other="x\ny""#;
        assert_eq!(newlines(once), "=====\nWARNING: DATA RACE\nRead at");
        let twice = r#"{"log":"{\"m\":\"WARNING: DATA RACE\\nRead\"}\n"}"#;
        assert_eq!(newlines(twice), "WARNING: DATA RACE\nRead");
        assert_eq!(newlines("WARNING: DATA RACE"), "WARNING: DATA RACE");
    }
}
