//! Paths into JSON: the patterns of the rules, and the place where a comparison stands.
//!
//! A pattern is the part of JSONPath (RFC 9535) that names fields: `$.meta.timestamp`, `$..id`,
//! `$.items[*].updated_at`, `$["a b"].*`, `$.rows[0]`. All patterns are followed at once while
//! a tree is walked ([`Track`]), so their number does not multiply the work by the tree's depth.

use super::route::looks_like_id;

/// Characters of a [`PlacePath`]; what lies deeper shares one place.
const LONGEST_PLACE: usize = 256;
/// Characters of one name in it; a longer one is no name but data.
const LONGEST_NAME: usize = 64;

/// One pattern, as steps from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// `..`: at any depth.
    deep: bool,
    select: Select,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Select {
    Name(String),
    AnyName,
    Index(usize),
    AnyIndex,
}

/// One step down in a tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Child<'a> {
    Name(&'a str),
    Index(usize),
    /// An element of an array whose order means nothing.
    Unordered,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathError {
    /// The character, from 1.
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Patterns half matched at some value: which, and how many of its steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Track(Vec<(usize, usize)>);

impl Track {
    /// All of `patterns`, at the root.
    pub(super) fn root(patterns: &[PathPattern]) -> Track {
        Track((0..patterns.len()).map(|pattern_idx| (pattern_idx, 0)).collect())
    }

    /// What is left of them one step down.
    pub(super) fn down(&self, patterns: &[PathPattern], child: Child<'_>) -> Track {
        let mut below = Vec::new();
        let mut add = |state| {
            if !below.contains(&state) {
                below.push(state);
            }
        };
        for &(pattern_idx, step_idx) in &self.0 {
            if let Some(step) = patterns[pattern_idx].steps.get(step_idx) {
                if step.deep {
                    add((pattern_idx, step_idx));
                }
                if step.select.takes(child) {
                    add((pattern_idx, step_idx + 1));
                }
            }
        }
        Track(below)
    }

    /// Whether one of them names the value reached.
    pub(super) fn is_here(&self, patterns: &[PathPattern]) -> bool {
        self.0.iter().any(|&(pattern_idx, step_idx)| step_idx == patterns[pattern_idx].steps.len())
    }
}

impl Select {
    fn takes(&self, child: Child<'_>) -> bool {
        match (self, child) {
            (Select::Name(wanted), Child::Name(name)) => wanted == name,
            (Select::AnyName, Child::Name(_)) => true,
            (Select::Index(wanted), Child::Index(index)) => *wanted == index,
            (Select::AnyIndex, Child::Index(_) | Child::Unordered) => true,
            _ => false,
        }
    }
}

impl PathPattern {
    pub(super) fn parse(text: &str) -> Result<PathPattern, PathError> {
        let mut letters = Letters { text: text.chars().collect(), at: 0 };
        letters.expect('$', "`$`, the whole body")?;
        let mut steps = Vec::new();
        while let Some(letter) = letters.next() {
            let mut deep = false;
            let select = match letter {
                '.' => {
                    deep = letters.take('.');
                    match letters.peek() {
                        Some('[') if deep => {
                            letters.at += 1;
                            letters.bracket()?
                        }
                        Some('*') => {
                            letters.at += 1;
                            Select::AnyName
                        }
                        _ => Select::Name(letters.name()?),
                    }
                }
                '[' => letters.bracket()?,
                _ => {
                    letters.at -= 1;
                    return Err(letters.error("`.` or `[`"));
                }
            };
            steps.push(Step { deep, select });
        }
        Ok(PathPattern { steps })
    }

    /// `$`: everything.
    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }
}

struct Letters {
    text: Vec<char>,
    at: usize,
}

impl Letters {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), PathError> {
        if self.take(wanted) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn error(&self, expected: &'static str) -> PathError {
        PathError { at: self.at + 1, expected }
    }

    fn name(&mut self) -> Result<String, PathError> {
        let is_plain =
            |c: &char| !matches!(c, '.' | '[' | ']' | '"' | '\'' | '*' | '$') && !c.is_whitespace();
        let name: String = self.text[self.at..].iter().take_while(|c| is_plain(c)).collect();
        self.at += name.chars().count();
        if name.is_empty() { Err(self.error("a name or `*`")) } else { Ok(name) }
    }

    /// What stands behind a `[`, up to its `]`.
    fn bracket(&mut self) -> Result<Select, PathError> {
        let select = match self.peek() {
            Some('*') => {
                self.at += 1;
                Select::AnyIndex
            }
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                Select::Name(self.quoted(quote)?)
            }
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|c| c.is_ascii_digit()) {
                    self.at += 1;
                }
                let digits: String = self.text[start..self.at].iter().collect();
                let expected = "`*`, a number or a quoted name";
                let index = digits.parse().map_err(|_| PathError { at: start + 1, expected })?;
                Select::Index(index)
            }
        };
        self.expect(']', "`]`")?;
        Ok(select)
    }

    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('\\') => name.extend(self.next()),
                Some(letter) if letter == quote => return Ok(name),
                Some(letter) => name.push(letter),
                None => return Err(self.error("the closing quote")),
            }
        }
    }
}

/// Where a walk stands, as text without what changes from answer to answer.
#[derive(Clone, Debug)]
pub(super) struct PlacePath(String);

impl PlacePath {
    pub(super) fn root() -> PlacePath {
        PlacePath("$".to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Goes one step down; the answer leads [`PlacePath::back`].
    pub(super) fn down(&mut self, child: Child<'_>) -> usize {
        let before = self.0.len();
        if before > LONGEST_PLACE {
            if !self.0.ends_with('…') {
                self.0.push('…');
            }
            return before;
        }
        match child {
            Child::Index(_) | Child::Unordered => self.0.push_str("[*]"),
            Child::Name(name) if name.len() > LONGEST_NAME || looks_like_id(name) => {
                self.0.push_str(".{}");
            }
            Child::Name(name) if is_plain(name) => {
                self.0.push('.');
                self.0.push_str(name);
            }
            Child::Name(name) => self.0.push_str(&format!("[{name:?}]")),
        }
        before
    }

    pub(super) fn back(&mut self, before: usize) {
        self.0.truncate(before);
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
