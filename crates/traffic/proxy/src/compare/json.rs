//! JSON by structure: the order of members does not matter, that of elements does.
//!
//! 1 and 1.0 are one number. A member that only one side has differs from "(absent)". Arrays of
//! different lengths differ as arrays, and their elements, which no longer line up, are not compared.
//! Repeated keys are compared one by one, in the order they came.

use super::path::{Child, PathPattern, PlacePath, Track};
use super::tree::Tree;
use super::{Difference, MOST_PLACES, Place, Rules, times};
use serde_json::Number;
use std::cmp::Ordering;
use std::collections::HashSet;

mod bag;

/// A comparison under way.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    place: PlacePath,
    found: &'a mut Vec<Difference>,
}

/// Which rules are half met where a walk stands.
struct Tracks {
    ignored: Track,
    unordered: Track,
}

impl Tracks {
    fn down(&self, rules: &Rules, child: Child<'_>) -> Tracks {
        Tracks {
            ignored: self.ignored.down(&rules.ignored, child),
            unordered: self.unordered.down(&rules.unordered, child),
        }
    }

    fn is(track: &Track, patterns: &[PathPattern]) -> bool {
        track.is_here(patterns)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(rules: &'a Rules, found: &'a mut Vec<Difference>) -> Walk<'a> {
        Walk { rules, place: PlacePath::root(), found }
    }

    pub(super) fn compare(&mut self, ours: &Tree, theirs: &Tree) {
        let ignored = Track::root(&self.rules.ignored);
        let unordered = Track::root(&self.rules.unordered);
        self.value(ours, theirs, &Tracks { ignored, unordered });
    }

    fn value(&mut self, ours: &Tree, theirs: &Tree, tracks: &Tracks) {
        if Tracks::is(&tracks.ignored, &self.rules.ignored) {
            return;
        }
        match (ours, theirs) {
            (Tree::Object(ours), Tree::Object(theirs)) => self.objects(ours, theirs, tracks),
            (Tree::Array(ours), Tree::Array(theirs)) if ours.len() != theirs.len() => {
                let length = |elements: &[Tree]| format!("array of {}", elements.len());
                self.report(|_| (length(ours), length(theirs)));
            }
            (Tree::Array(ours), Tree::Array(theirs))
                if Tracks::is(&tracks.unordered, &self.rules.unordered) =>
            {
                self.bags(ours, theirs, tracks);
            }
            (Tree::Array(ours), Tree::Array(theirs)) => {
                for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    self.below(Child::Index(index), ours, theirs, tracks);
                }
            }
            _ if self.is_same(ours, theirs) => {}
            _ => self.report(|rules| (rules.redaction.tree(ours), rules.redaction.tree(theirs))),
        }
    }

    fn below(&mut self, child: Child<'_>, ours: &Tree, theirs: &Tree, tracks: &Tracks) {
        let tracks = tracks.down(self.rules, child);
        let before = self.place.down(child);
        self.value(ours, theirs, &tracks);
        self.place.back(before);
    }

    /// Both are sorted by name.
    fn objects(&mut self, ours: &[(String, Tree)], theirs: &[(String, Tree)], tracks: &Tracks) {
        let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((ours, _)), Some((theirs, _))) => ours.cmp(theirs),
            };
            let ours = if order.is_le() { ours.next() } else { None };
            let theirs = if order.is_ge() { theirs.next() } else { None };
            match (ours, theirs) {
                (Some((name, ours)), Some((_, theirs))) => {
                    self.below(Child::Name(name), ours, theirs, tracks);
                }
                (Some((name, _)), None) | (None, Some((name, _))) => {
                    let value = |side: Option<&(String, Tree)>, rules: &Rules| match side {
                        Some((_, tree)) => rules.redaction.tree(tree),
                        None => "(absent)".to_owned(),
                    };
                    let child = Child::Name(name);
                    let below = tracks.down(self.rules, child);
                    if !Tracks::is(&below.ignored, &self.rules.ignored) {
                        let before = self.place.down(child);
                        self.report(|rules| (value(ours, rules), value(theirs, rules)));
                        self.place.back(before);
                    }
                }
                (None, None) => return,
            }
        }
    }

    fn is_same(&self, ours: &Tree, theirs: &Tree) -> bool {
        match (ours, theirs) {
            (Tree::Number(ours), Tree::Number(theirs)) => {
                is_same_number(ours, theirs)
                    || is_near(ours, theirs, self.rules.numbers_within)
                    || times::are_near_numbers(ours, theirs, self.rules.times_within)
            }
            (Tree::Text(ours), Tree::Text(theirs)) => {
                ours == theirs || times::are_near_texts(ours, theirs, self.rules.times_within)
            }
            _ => ours == theirs,
        }
    }

    /// Adds a difference where the walk stands; `values` is asked for the first of a place only.
    fn report(&mut self, values: impl FnOnce(&Rules) -> (String, String)) {
        let here = self.place.as_str();
        let earlier = self.found.iter_mut().find(
            |difference| matches!(&difference.at, Place::Json(place) if place.as_str() == here),
        );
        if let Some(earlier) = earlier {
            earlier.times = earlier.times.saturating_add(1);
        } else if self.found.len() < MOST_PLACES {
            let (primary, mirror) = values(self.rules);
            let at = Place::Json(here.to_owned());
            self.found.push(Difference { at, primary, mirror, times: 1 });
        }
    }
}

/// Which of the places `wanted` are in `tree`.
pub(super) fn places_in<'a>(tree: &Tree, wanted: &HashSet<&'a str>) -> HashSet<&'a str> {
    let mut found = HashSet::new();
    search(tree, &mut PlacePath::root(), wanted, &mut found);
    found
}

fn search<'a>(
    tree: &Tree,
    place: &mut PlacePath,
    wanted: &HashSet<&'a str>,
    found: &mut HashSet<&'a str>,
) {
    if let Some(here) = wanted.get(place.as_str()) {
        found.insert(here);
    }
    if found.len() == wanted.len() || !wanted.iter().any(|it| it.starts_with(place.as_str())) {
        return;
    }
    let mut below = |child, tree| {
        let before = place.down(child);
        search(tree, place, wanted, found);
        place.back(before);
    };
    match tree {
        Tree::Object(members) => {
            members.iter().for_each(|(name, value)| below(Child::Name(name), value));
        }
        Tree::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(index, element)| below(Child::Index(index), element)),
        _ => {}
    }
}

fn is_same_number(ours: &Number, theirs: &Number) -> bool {
    match (ours.is_f64(), theirs.is_f64()) {
        (false, false) => ours == theirs,
        _ => ours.as_f64() == theirs.as_f64(),
    }
}

fn is_near(ours: &Number, theirs: &Number, share: f64) -> bool {
    let (Some(ours), Some(theirs)) = (ours.as_f64(), theirs.as_f64()) else { return false };
    share > 0.0 && (ours - theirs).abs() <= share * ours.abs().max(theirs.abs())
}
