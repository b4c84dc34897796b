//! Arrays whose order means nothing.
//!
//! Each element becomes a text that is the same for what compares as the same; texts that both sides
//! have are taken out, and what is left is compared in the order of its text, so that a difference still
//! names the field and not the whole element.

use super::{Tracks, Walk};
use crate::compare::path::Child;
use crate::compare::tree::Tree;
use serde_json::Number;

impl Walk<'_> {
    /// Arrays whose order means nothing: what both have is taken out, the rest compared in the
    /// order of its text. Both have as many elements.
    pub(super) fn bags(&mut self, ours: &[Tree], theirs: &[Tree], tracks: &Tracks) {
        let below = tracks.down(self.rules, Child::Unordered);
        let sorted = |elements: &'_ [Tree]| {
            let mut keyed: Vec<(String, usize)> = Vec::with_capacity(elements.len());
            for (index, element) in elements.iter().enumerate() {
                let mut key = String::new();
                self.canonical(element, &below, &mut key);
                keyed.push((key, index));
            }
            keyed.sort();
            keyed
        };
        let (our_keys, their_keys) = (sorted(ours), sorted(theirs));
        let (mut our_rest, mut their_rest) = (Vec::new(), Vec::new());
        let (mut our_idx, mut their_idx) = (0, 0);
        loop {
            match (our_keys.get(our_idx), their_keys.get(their_idx)) {
                (None, None) => break,
                (Some(one), Some(other)) if one.0 == other.0 => {
                    our_idx += 1;
                    their_idx += 1;
                }
                (Some(one), other) if other.is_none_or(|other| one.0 < other.0) => {
                    our_rest.push(one.1);
                    our_idx += 1;
                }
                (_, Some(other)) => {
                    their_rest.push(other.1);
                    their_idx += 1;
                }
                (Some(_), None) => break,
            }
        }
        for (ours_at, theirs_at) in our_rest.into_iter().zip(their_rest) {
            self.below(Child::Unordered, &ours[ours_at], &theirs[theirs_at], tracks);
        }
    }

    /// `tree` as text that is the same for what compares as the same, but for near numbers and times.
    fn canonical(&self, tree: &Tree, tracks: &Tracks, out: &mut String) {
        if Tracks::is(&tracks.ignored, &self.rules.ignored) {
            return;
        }
        match tree {
            Tree::Null => out.push('n'),
            Tree::Bool(value) => out.push(if *value { 't' } else { 'f' }),
            Tree::Number(number) => out.push_str(&canonical_number(number)),
            Tree::Text(text) => out.push_str(&format!("{text:?}")),
            Tree::Object(members) => {
                out.push('{');
                for (name, value) in members {
                    let below = tracks.down(self.rules, Child::Name(name));
                    if !Tracks::is(&below.ignored, &self.rules.ignored) {
                        out.push_str(&format!("{name:?}:"));
                        self.canonical(value, &below, out);
                    }
                }
                out.push('}');
            }
            Tree::Array(elements) if Tracks::is(&tracks.unordered, &self.rules.unordered) => {
                let below = tracks.down(self.rules, Child::Unordered);
                let canonical = |element| {
                    let mut text = String::new();
                    self.canonical(element, &below, &mut text);
                    text
                };
                let mut texts: Vec<String> = elements.iter().map(canonical).collect();
                texts.sort();
                out.push_str(&format!("({})", texts.join(",")));
            }
            Tree::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    self.canonical(element, &tracks.down(self.rules, Child::Index(index)), out);
                    out.push(',');
                }
                out.push(']');
            }
        }
    }
}

fn canonical_number(number: &Number) -> String {
    match number.as_f64() {
        // Beyond 2^53 a float does not hold every integer.
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
            format!("{}", float as i64)
        }
        _ => number.to_string(),
    }
}
