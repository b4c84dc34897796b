//! The words that open a report.
//!
//! Finding them proves nothing: a log may quote them. Each reader of a report says what has to
//! follow. Start at [`find`].

use super::Cursor;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The first words of a report in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) sort: Sort,
    /// Where the words start.
    pub(crate) start: usize,
    /// What stands behind them.
    pub(crate) rest: &'a str,
}

/// Which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// `WARNING: DATA RACE`.
    GoRace,
    /// `WARNING: ThreadSanitizer: `.
    Tsan,
    /// `fatal error: `.
    Fatal,
    /// `panic: `.
    Panic,
    /// `http: panic serving ADDRESS: `, which net/http prints of a panic that it recovered.
    Serving,
    /// A message of the detector about itself; it is the whole report.
    Failure,
}

/// What a detector says when it fails, and whether more of the line belongs to it.
/// (`tsan_rtl.cpp`, `sanitizer_common`, Go's `race_linux_amd64.syso`.)
const FAILURES: &[(&str, &[&str])] = &[
    ("race: limit on ", &[" simultaneously alive goroutines is exceeded, dying"]),
    ("ThreadSanitizer: ERROR: Flag parsing failed", &[]),
    ("ThreadSanitizer: failed to ", &["file", "suppressions"]),
    ("FATAL: ThreadSanitizer", &[": ", " CHECK failed"]),
    (
        "ERROR: ThreadSanitizer",
        &[
            " failed to ",
            ": failed to ",
            ": out of memory",
            ": Out of memory",
            ": requested allocation size",
            ": allocator is ",
        ],
    ),
    ("ThreadSanitizer: CHECK failed", &[]),
    ("ThreadSanitizer CHECK failed", &[]),
];

/// Searchers for what every head has; building one costs more than searching a line.
static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    warning: Finder::new("WARNING:"),
    tsan: Finder::new("ThreadSanitizer"),
    limit: Finder::new("race: limit on "),
    fatal: Finder::new("fatal error: "),
    serving: Finder::new("panic serving "),
    panic: Finder::new("panic: "),
});

struct Words {
    warning: Finder<'static>,
    tsan: Finder<'static>,
    limit: Finder<'static>,
    fatal: Finder<'static>,
    serving: Finder<'static>,
    panic: Finder<'static>,
}

/// The first words of a report in `text`.
pub(crate) fn find(text: &str) -> Option<Head<'_>> {
    // Every head has a colon in it, and most lines of a report's inside have no such word.
    memchr::memchr(b':', text.as_bytes())?;
    for start in WORDS.warning.find_iter(text.as_bytes()) {
        let mut cursor = Cursor::new(&text[start + "WARNING:".len()..]);
        if cursor.word("DATA") && cursor.rest.starts_with([' ', '\t', '\u{a0}', '&']) {
            cursor.rest = cursor.rest.strip_prefix("&nbsp;").unwrap_or(cursor.rest);
            if cursor.word("RACE") {
                return Some(Head { sort: Sort::GoRace, start, rest: cursor.rest });
            }
        } else if cursor.word("ThreadSanitizer: ") {
            return Some(Head { sort: Sort::Tsan, start, rest: cursor.rest });
        }
    }
    failure(text).or_else(|| {
        words(text, Sort::Fatal, &WORDS.fatal)
            .or_else(|| serving(text))
            .or_else(|| words(text, Sort::Panic, &WORDS.panic))
    })
}

fn words<'a>(text: &'a str, sort: Sort, words: &Finder<'_>) -> Option<Head<'a>> {
    let start = words.find(text.as_bytes())?;
    Some(Head { sort, start, rest: &text[start + words.needle().len()..] })
}

fn serving(text: &str) -> Option<Head<'_>> {
    let head = words(text, Sort::Serving, &WORDS.serving)?;
    let message = head.rest.find(": ")?;
    Some(Head { rest: &head.rest[message + 2..], ..head })
}

fn failure(text: &str) -> Option<Head<'_>> {
    let bytes = text.as_bytes();
    WORDS.tsan.find(bytes).or_else(|| WORDS.limit.find(bytes))?;
    FAILURES.iter().find_map(|(words, needed)| {
        let start = text.find(words)?;
        let rest = &text[start + words.len()..];
        let fits = needed.is_empty() || needed.iter().any(|needed| rest.contains(needed));
        fits.then_some(Head { sort: Sort::Failure, start, rest })
    })
}
