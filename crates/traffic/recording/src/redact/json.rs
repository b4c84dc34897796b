//! JSON rewritten in place: only the values of named fields change, every other byte stays.
//!
//! Not by parsing into a tree and printing that: of two keys that are equal a tree keeps one,
//! and the service may read the other; and numbers, spaces and order would come out changed. So
//! the text is first checked to be JSON, and then walked, which is simple in a text that is.
//! Types are kept: a number stays a number, or the service would refuse the request in a replay.

use super::Unredactable;
use super::names::{Names, folded};
use super::stand_in::StandIn;
use serde::de::IgnoredAny;

/// `text`, one or more JSON values, with the values of `names` replaced; `Ok(None)` if it has
/// none of them.
pub(crate) fn redact(
    text: &str,
    names: &Names,
    stand_in: &StandIn,
) -> Result<Option<String>, Unredactable> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    if !values.all(|value| value.is_ok()) {
        return Err(Unredactable);
    }
    let mut walk = Walk { text, names, stand_in, clean: None, copied: 0, path: String::new() };
    walk.run()?;
    Ok(walk.finish())
}

struct Walk<'a> {
    text: &'a str,
    names: &'a Names,
    stand_in: &'a StandIn,
    /// What has been rewritten, once anything has.
    clean: Option<String>,
    /// Where in `text` the part begins that `clean` does not have yet.
    copied: usize,
    /// Of the field we are in: folded keys, joined by dots.
    path: String,
}

/// An object or array that is open.
struct Level {
    is_object: bool,
    /// The next string is a key.
    expects_key: bool,
    /// The value that comes next is to be replaced.
    redact: bool,
    /// All of it is to be replaced.
    redact_all: bool,
    /// Length of its own path.
    path_len: usize,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Unredactable> {
        let bytes = self.text.as_bytes();
        let (mut levels, mut at): (Vec<Level>, usize) = (Vec::new(), 0);
        while let Some(byte) = bytes.get(at) {
            let redact = levels.last().is_some_and(|level| level.redact);
            match byte {
                b'{' | b'[' => levels.push(Level {
                    is_object: *byte == b'{',
                    expects_key: true,
                    redact,
                    redact_all: redact,
                    path_len: self.path.len(),
                }),
                b'}' | b']' => drop(levels.pop()),
                b',' => {
                    if let Some(level) = levels.last_mut() {
                        level.expects_key = true;
                    }
                }
                b'"' => {
                    let end = string_end(bytes, at);
                    match levels.last_mut() {
                        Some(level) if level.is_object && level.expects_key => {
                            level.expects_key = false;
                            let key = self.string(at, end)?;
                            self.path.truncate(level.path_len);
                            if !self.path.is_empty() {
                                self.path.push('.');
                            }
                            self.path.push_str(&folded(&key));
                            level.redact = level.redact_all || self.names.match_path(&self.path);
                        }
                        _ if redact => {
                            let value = self.string(at, end)?;
                            let stand_in = format!("\"{}\"", self.stand_in.text(value.as_bytes()));
                            self.replace(at, end, &stand_in);
                        }
                        _ => {}
                    }
                    at = end;
                    continue;
                }
                b'0'..=b'9' | b'-' | b't' | b'f' | b'n' => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let ends = |byte: &u8| b",:{}[]\"".contains(byte) || *byte <= b' ';
                    let end = at + rest.iter().position(ends).unwrap_or(rest.len());
                    if redact {
                        let stand_in = match byte {
                            b'n' => "null".to_owned(),
                            b't' | b'f' => "false".to_owned(),
                            _ => self.stand_in.number(&bytes[at..end]),
                        };
                        self.replace(at, end, &stand_in);
                    }
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    /// The text of the string literal from `at` to `end`.
    fn string(&self, at: usize, end: usize) -> Result<String, Unredactable> {
        let literal = self.text.get(at..end).ok_or(Unredactable)?;
        serde_json::from_str(literal).map_err(|_| Unredactable)
    }

    fn replace(&mut self, at: usize, end: usize, with: &str) {
        let clean = self.clean.get_or_insert_default();
        clean.push_str(self.text.get(self.copied..at).unwrap_or_default());
        clean.push_str(with);
        self.copied = end;
    }

    fn finish(self) -> Option<String> {
        let mut clean = self.clean?;
        clean.push_str(self.text.get(self.copied..).unwrap_or_default());
        Some(clean)
    }
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    loop {
        match bytes.get(end) {
            Some(b'\\') => end += 2,
            Some(b'"') => return end + 1,
            Some(_) => end += 1,
            None => return bytes.len(),
        }
    }
}
