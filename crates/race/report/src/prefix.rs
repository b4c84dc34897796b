//! What stands in front of every line of a report: a time stamp, a container's name, `> `.
//!
//! It is learned from the line that opens the report. Another line carries the same prefix if it
//! has the same shape: digits may differ, blanks may be more or fewer, everything else is equal.
//! Two processes in one log differ in a constant (`worker-1  | `, `worker-2  | `), so a match in
//! which only clock-like digits differ is worth more than one in which any digits do.
//!
//! Start at [`Prefix::strip`].

/// The text in front of a report's line; empty if it starts its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefix(String);

/// How well a line fits a prefix, the better the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// The line does not start with it.
    None,
    /// There is no prefix to compare.
    Plain,
    /// Same shape, other digits.
    Shape,
    /// Same but for the clock.
    Exact,
}

/// Longer prefixes are cut: a report glued behind half a megabyte of foreign text has no prefix.
const MAX_PREFIX: usize = 512;

impl Prefix {
    /// The prefix `text`; indentation alone is none, and neither are a page's tags.
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim_end();
        let tags = text.trim_start().starts_with('<') && text.ends_with('>');
        if text.trim().is_empty() || tags || text.len() > MAX_PREFIX {
            return Prefix::default();
        }
        Prefix(text.to_owned())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prefix as it was learned.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// How `line` fits, and where in it the text behind the prefix starts.
    pub(crate) fn strip(&self, line: &str) -> (Fit, usize) {
        if self.is_empty() {
            return (Fit::Plain, 0);
        }
        let (own, line) = (self.0.as_bytes(), line.as_bytes());
        let (mut o, mut l) = (0, 0);
        let mut fit = Fit::Exact;
        while o < own.len() {
            let Some(&byte) = line.get(l) else { return (Fit::None, 0) };
            match own[o] {
                b'0'..=b'9' if byte.is_ascii_digit() => {
                    let own_run = run(own, o, |b| b.is_ascii_digit());
                    let line_run = run(line, l, |b| b.is_ascii_digit());
                    if own[o..own_run] != line[l..line_run] && !clock_like(own, o, own_run) {
                        fit = Fit::Shape;
                    }
                    (o, l) = (own_run, line_run);
                }
                b' ' if byte == b' ' => {
                    (o, l) = (run(own, o, |b| b == b' '), run(line, l, |b| b == b' '));
                }
                other if other == byte => (o, l) = (o + 1, l + 1),
                _ => return (Fit::None, 0),
            }
        }
        (fit, l)
    }

    /// Whether a log shipper may have written it: it ends as they do and has a number or a bar in
    /// it, unlike the beginning of a sentence.
    pub(crate) fn plausible(&self) -> bool {
        let text = self.0.as_str();
        let marks = text.ends_with(['|', ']', '>', ':', '=', '"', '#']) || text.ends_with("Z");
        let shipped = text.contains(|c: char| c.is_ascii_digit() || c == '|' || c == ']');
        let word = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
        let sentence = text.split([' ', '\t']).filter(word).count() > 1;
        text.is_empty()
            || text.chars().all(|c| c == '>' || c == ' ')
            || (shipped && (marks || !sentence))
    }
}

/// The end of the run of bytes for which `is` holds, starting at `from`.
fn run(text: &[u8], from: usize, is: impl Fn(u8) -> bool) -> usize {
    text[from..].iter().position(|&byte| !is(byte)).map_or(text.len(), |len| from + len)
}

/// Whether the digits `from..to` look like part of a time of day, a fraction or an epoch.
fn clock_like(text: &[u8], from: usize, to: usize) -> bool {
    let before = from.checked_sub(1).and_then(|at| text.get(at));
    let after = text.get(to);
    to - from >= 9
        || matches!(before, Some(b':' | b'.' | b',' | b'T'))
        || matches!(after, Some(b':' | b'.' | b'Z' | b'T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_may_tick_but_the_container_stays_the_same() {
        let prefix = Prefix::new("worker-1  | 10:00:00.5 ");
        assert_eq!(prefix.strip("worker-1  | 10:00:01.25   main.f()").0, Fit::Exact);
        assert_eq!(prefix.strip("worker-2  | 10:00:01.25   main.f()").0, Fit::Shape);
        assert_eq!(prefix.strip("api-2  | 10:00:01.25   main.f()").0, Fit::None);
        assert_eq!(Prefix::new("    ").strip("main.f()"), (Fit::Plain, 0));
    }
}
