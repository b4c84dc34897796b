//! What makes two races one.
//!
//! A race is the pair of places in the user's own code that touch the same thing: for each access the
//! innermost own function, and what it was doing there (a map operation, something inside package
//! bytes, a plain access). Left out is all that changes while the mistake stays: lines,
//! offsets, paths, goroutine numbers, who was first, whether it was the read or the write of an
//! `n++` that was met, how the callers got there, and the library's insides. The price: two
//! variables raced on by the same pair of functions are one finding, which shows both.

use crate::code::user_frame;
use crate::function::{canonical_function, is_wrapper, package_prefix};
use crate::{Access, Kind, Race, Stack};
use sha2::{Digest, Sha256};
use std::fmt;

/// The identity of a race: the same for every sighting of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The version of the rule below; it is hashed too, so a change of rule changes every fingerprint.
    const RULE: &'static str = "photofinish fingerprint 1";

    /// The fingerprint of `race`.
    pub fn of(race: &Race) -> Fingerprint {
        let mut hash = Sha256::new();
        for part in [Self::RULE, race.kind.word()].into_iter().map(str::to_owned).chain(parts(race))
        {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest = hash.finalize();
        Fingerprint(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A fingerprint read back from where it was kept.
    pub fn from_stored(text: impl Into<String>) -> Fingerprint {
        Fingerprint(text.into())
    }

    /// 16 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How memory was touched, seen from the user's function: what the frames above it were doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// The user's own instruction, or the runtime acting for one (`append`, `copy`, a conversion).
    Plain,
    /// A map operation.
    Map,
    /// Send, receive or close.
    Channel,
    /// An atomic operation.
    Atomic,
    /// Inside a library, by the import path of the package whose code touched the memory: which of its
    /// functions did, and through which it was entered (`Write`, `WriteByte`, `fmt.Fprintf`), does not
    /// matter to the mistake.
    Library(String),
}

/// How `stack` touches memory, seen from its user's frame.
pub(crate) fn touch_of(stack: &Stack) -> Touch {
    let user = user_frame(stack).unwrap_or(stack.frames.len());
    let above = stack.frames[..user].iter().filter(|frame| !is_wrapper(&frame.function));
    let mut touches = above.map(|frame| touch_of_library(&canonical_function(&frame.function)));
    touches.find(|touch| *touch != Touch::Plain).unwrap_or(Touch::Plain)
}

fn touch_of_library(function: &str) -> Touch {
    let package = package_prefix(function);
    let name = &function[package.len()..];
    let is_channel = || {
        [".chan", ".closechan", ".selectgo", ".selectnb"].iter().any(|part| name.starts_with(part))
    };
    match package {
        "internal/runtime/maps" => Touch::Map,
        "runtime" | "reflect" if name.starts_with(".map") => Touch::Map,
        "runtime" if is_channel() => Touch::Channel,
        "sync/atomic" | "internal/runtime/atomic" | "runtime/internal/atomic" => Touch::Atomic,
        "runtime" | "reflect" | "internal/race" | "internal/bytealg" => Touch::Plain,
        _ => Touch::Library(package.to_owned()),
    }
}

fn parts(race: &Race) -> Vec<String> {
    // The route and the place, whose numbers are names: `/v1`, `$.line2`.
    if race.kind == Kind::AnswerDiff {
        return vec![race.headline.clone()];
    }
    let mut places: Vec<String> = match race.kind {
        Kind::Deadlock | Kind::GoroutineLeak if race.accesses.is_empty() => {
            race.others.iter().map(|g| place(&g.stack)).collect()
        }
        Kind::ConcurrentMap => {
            race.accesses.iter().map(|a| format!("map {}", user_function(&a.stack))).collect()
        }
        _ => race.accesses.iter().map(|access: &Access| place(&access.stack)).collect(),
    };
    places.sort();
    if matches!(race.kind, Kind::Deadlock | Kind::GoroutineLeak) {
        places.dedup();
    }
    // One function may be started in two places, and be right in one of them.
    if race.kind == Kind::GoroutineLeak {
        let creations = race.others.first().map(|goroutine| user_function(&goroutine.created_at));
        places.extend(creations.map(|creation| format!("created by {creation}")));
    }
    let says_nothing = places.iter().all(|place| place.trim().is_empty());
    let headline_matters = !matches!(
        race.kind,
        Kind::DataRace | Kind::ConcurrentMap | Kind::Panic | Kind::Deadlock | Kind::GoroutineLeak
    );
    if says_nothing || headline_matters {
        places.push(without_numbers(&race.headline));
    }
    places
}

fn place(stack: &Stack) -> String {
    let touch = match touch_of(stack) {
        Touch::Plain => String::new(),
        Touch::Map => "map".to_owned(),
        Touch::Channel => "channel".to_owned(),
        Touch::Atomic => "atomic".to_owned(),
        Touch::Library(package) => package,
    };
    format!("{touch} {}", user_function(stack))
}

/// The canonical name of the user's frame; where nobody's own code is on the stack, all of it.
fn user_function(stack: &Stack) -> String {
    match user_frame(stack) {
        Some(frame_idx) => canonical_function(&stack.frames[frame_idx].function),
        None => {
            let frames = stack.frames.iter().filter(|frame| !is_wrapper(&frame.function)).take(8);
            frames.map(|frame| canonical_function(&frame.function)).collect::<Vec<_>>().join(" < ")
        }
    }
}

/// Every run of digits becomes `N`: `job 17 failed` is the panic of `job 18 failed`.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().take(200) {
        match letter {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
