//! The lines of a Go traceback that are no frames.
//!
//! Source: `runtime/traceback.go` (`goroutineheader`, `printcreatedby1`), `runtime/panic.go`.
//! Start at [`parse_goroutine`].

use super::Cursor;

/// `goroutine 18 gp=0xc000002380 m=4 mp=0xc0000 [chan receive, 2 minutes]:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GoroutineLine<'a> {
    pub(crate) start: usize,
    pub(crate) id: u64,
    pub(crate) status: &'a str,
}

/// The messages of Go's own maps, each with whether the crashing goroutine was writing.
pub(crate) const MAP_FATALS: &[(&str, bool)] = &[
    ("concurrent map read and map write", false),
    ("concurrent map iteration and map write", false),
    ("concurrent map clone and map write", false),
    ("concurrent map writes", true),
];

/// The messages of programs in which nothing can go on.
pub(crate) const DEADLOCKS: &[&str] = &[
    "all goroutines are asleep - deadlock!",
    "no goroutines (main called runtime.Goexit) - deadlock!",
];

/// The goroutine header that `text` ends with.
pub(crate) fn parse_goroutine(text: &str) -> Option<GoroutineLine<'_>> {
    let text = text.trim_end().strip_suffix(':')?;
    for (start, word) in text.match_indices("goroutine ").take(16) {
        let mut cursor = Cursor::new(&text[start + word.len()..]);
        let Some(id) = cursor.number() else { continue };
        let rest = cursor.rest;
        let Some(open) = rest.find('[') else { continue };
        let registers = rest[..open].split_ascii_whitespace();
        if !rest.starts_with(' ') || !registers.into_iter().all(|word| word.contains('=')) {
            continue;
        }
        let status = &rest[open + 1..];
        let Some(close) = status.find(']') else { continue };
        let behind = status[close + 1..].trim_start();
        if !behind.is_empty() && !behind.starts_with('{') {
            continue;
        }
        return Some(GoroutineLine { start, id, status: &status[..close] });
    }
    None
}

/// The function of `created by main.main in goroutine 1`, where the line starts with it.
pub(crate) fn parse_created_by(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("created by ")?;
    let name = name.split(" in goroutine ").next().unwrap_or(name).trim_end();
    let name = name.strip_suffix("()").unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

/// Whether the line is one of the traceback's that say nothing.
pub(crate) fn is_filler(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("...") && text.ends_with("frames elided...")
        || text.starts_with("goroutine running on other thread; stack unavailable")
        || (text.starts_with("[signal ") && text.ends_with(']'))
        || text.starts_with("[originating from goroutine ")
}
