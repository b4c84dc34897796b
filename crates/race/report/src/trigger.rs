//! The cheap test that a log without reports passes at the speed of memory.
//!
//! Each report starts with one of a few phrases, and none of them changes under JSON escaping, so
//! one search per phrase over a block of bytes tells whether any line in it needs a closer look.
//! The phrases `ead at 0x` and the like catch a report whose head was cut off by a rotated log.
//!
//! Not here: what the phrase turns out to be (`grammar::head`). Start at [`Triggers::scan`].

use memchr::memmem::Finder;

/// Phrases of which each report contains at least one, chosen to be rare in ordinary logs.
const PHRASES: &[&str] = &[
    "DATA RACE",
    "ThreadSanitizer",
    "fatal error: ",
    "panic: ",
    "panic serving ",
    "race: limit on ",
    "ead at 0x",
    "rite at 0x",
    "ead of size ",
    "rite of size ",
    " stderr P ",
    " stdout P ",
    "DATA\tRACE",
    "DATA&nbsp;RACE",
    "DATA\u{a0}RACE",
];

/// The searchers, built once per reader.
#[derive(Debug)]
pub(crate) struct Triggers {
    finders: Vec<Finder<'static>>,
}

/// Where each phrase occurs next in one block of bytes; every phrase passes over it once.
pub(crate) struct Scan<'t, 'b> {
    triggers: &'t Triggers,
    block: &'b [u8],
    next: Vec<usize>,
}

impl Triggers {
    pub(crate) fn new() -> Self {
        let finders = PHRASES.iter().map(|phrase| Finder::new(phrase.as_bytes())).collect();
        Triggers { finders }
    }

    /// Whether `line` has any of the phrases in it.
    pub(crate) fn in_line(&self, line: &[u8]) -> bool {
        self.finders.iter().any(|finder| finder.find(line).is_some())
    }

    /// Starts a search through `block`.
    pub(crate) fn scan<'t, 'b>(&'t self, block: &'b [u8]) -> Scan<'t, 'b> {
        Scan { triggers: self, block, next: vec![0; self.finders.len()] }
    }
}

impl Scan<'_, '_> {
    /// The first phrase at or behind `from`, which must not go backwards between calls.
    pub(crate) fn first_from(&mut self, from: usize) -> Option<usize> {
        let mut first = usize::MAX;
        for (next, finder) in self.next.iter_mut().zip(&self.triggers.finders) {
            // 0 means "not looked yet": a hit at 0 is found again by the search from `from`.
            if *next < from || *next == 0 {
                let found = self.block.get(from..).and_then(|rest| finder.find(rest));
                *next = found.map_or(usize::MAX, |at| from + at);
            }
            first = first.min(*next);
        }
        (first != usize::MAX).then_some(first)
    }
}
