//! Values as excerpts for a person; or, where they may be personal data, what can be said without them.

use super::rules::Values;
use super::tree::Tree;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

/// Characters of an excerpt.
const LONGEST: usize = 120;
/// Bytes shown before the first that differs.
const BEFORE: usize = 30;

/// How values are told. The hash that stands for a hidden one has a key of its own in each process:
/// a plain hash of an amount or a name is soon guessed.
#[derive(Clone, Debug)]
pub(super) struct Redaction(Option<RandomState>);

impl Redaction {
    pub(super) fn new(values: Values) -> Redaction {
        Redaction((values == Values::Hidden).then(RandomState::new))
    }

    /// For what is never personal.
    pub(super) fn none() -> Redaction {
        Redaction(None)
    }

    pub(super) fn values(&self) -> Values {
        if self.0.is_some() { Values::Hidden } else { Values::Shown }
    }

    /// The value of a header.
    pub(super) fn text(&self, bytes: &[u8]) -> String {
        match &self.0 {
            Some(key) => format!("{} bytes {}", bytes.len(), mark(key, bytes)),
            None => excerpt(bytes),
        }
    }

    /// What `body` says where it begins to differ, at byte `same`.
    pub(super) fn around(&self, body: &[u8], same: usize) -> String {
        if same >= body.len() {
            return format!("ends after {} bytes", body.len());
        }
        let place = format!("from byte {} of {}", same + 1, body.len());
        if let Some(key) = &self.0 {
            return format!("{place} {}", mark(key, &body[same..]));
        }
        let mut start = same.saturating_sub(BEFORE);
        // Not in the middle of a character: the bytes that carry on one are 10xxxxxx.
        while start < same && body[start] & 0xc0 == 0x80 {
            start += 1;
        }
        let dots = if start > 0 { "…" } else { "" };
        let end = body.len().min(start + 4 * LONGEST);
        cut(&format!("{place}: {dots}{}", escaped(&body[start..end])))
    }

    /// A JSON value.
    pub(super) fn tree(&self, tree: &Tree) -> String {
        let Some(key) = &self.0 else {
            let mut text = String::new();
            write_tree(tree, &mut text);
            return cut(&text);
        };
        match tree {
            Tree::Null => "null".to_owned(),
            Tree::Bool(_) => "a boolean".to_owned(),
            Tree::Number(number) => {
                format!("a number {}", mark(key, number.to_string().as_bytes()))
            }
            Tree::Text(text) => {
                format!(
                    "text of {} characters {}",
                    text.chars().count(),
                    mark(key, text.as_bytes())
                )
            }
            Tree::Array(elements) => format!("array of {}", elements.len()),
            Tree::Object(members) => format!("object of {}", members.len()),
        }
    }
}

fn mark(key: &RandomState, bytes: &[u8]) -> String {
    format!("#{:08x}", key.hash_one(bytes) >> 32)
}

fn excerpt(bytes: &[u8]) -> String {
    cut(&escaped(&bytes[..bytes.len().min(4 * LONGEST + 4)]))
}

/// Text with what a terminal would obey written out; bytes that are no text as `\x..`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || is_turning(letter) {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The marks that turn text around (bidi), and the separators that end a line.
fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned() + "…",
        None => text.to_owned(),
    }
}

/// As compact JSON, as much as an excerpt holds.
fn write_tree(tree: &Tree, out: &mut String) {
    let is_full = |out: &String| out.len() > 4 * LONGEST;
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Tree::Number(number) => out.push_str(&number.to_string()),
        Tree::Text(text) => {
            let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
            let _ = write!(out, "\"{}\"", escaped(&text.as_bytes()[..end]));
        }
        Tree::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if is_full(out) {
                    return;
                }
                out.push_str(if index > 0 { "," } else { "" });
                write_tree(element, out);
            }
            out.push(']');
        }
        Tree::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if is_full(out) {
                    return;
                }
                out.push_str(if index > 0 { "," } else { "" });
                let _ = write!(out, "\"{}\":", escaped(name.as_bytes()));
                write_tree(value, out);
            }
            out.push('}');
        }
    }
}
