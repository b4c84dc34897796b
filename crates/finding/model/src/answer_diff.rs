//! Two builds that answered one request differently: a [`Race`] without accesses, told by its text.
//!
//! An [`AnswerDiff`] becomes a race of [`Kind::AnswerDiff`] whose `raw` is what [`AnswerDiff::write`]
//! makes, and comes back from it by [`AnswerDiff::read`]:
//!
//! ```text
//! ANSWER DIFFERS: GET /orders/{} at $.total
//! Primary: 200 application/json: 1999
//! Mirror:  200 application/json: 2998
//! Request: GET /orders/17?x=1
//! Compared 5214 answers of this route, 3 differed here
//! ```
//!
//! The first line is what it is (its fingerprint), the others are one sighting of it; `Request:` is
//! left out where it may not be shown. Each thing stands on one line: what would break it is escaped.

use crate::{Detector, Kind, Race};
use std::fmt::Write;

/// A place in the answers of one route where the primary and the mirror differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerDiff {
    /// Method and path, what looks like an id written `{}`: `GET /orders/{}`.
    pub route: String,
    /// `status`, `header location`, `$.items[*].total`, `body`.
    pub place: String,
    /// What the primary answered.
    pub primary: Answered,
    /// What the mirror answered.
    pub mirror: Answered,
    /// The request, where it may be shown.
    pub request: Option<String>,
    /// Answers of this route compared so far.
    pub compared: u64,
    /// How many of them differed in this place.
    pub differed: u64,
}

/// One answer, as far as a person needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The media type; empty where there was none.
    pub content_type: String,
    /// What it said in this place, an excerpt.
    pub value: String,
}

const FIRST: &str = "ANSWER DIFFERS: ";
const AT: &str = " at ";

impl AnswerDiff {
    /// What it is called: `GET /orders/{} answers differently at $.total`.
    pub fn headline(&self) -> String {
        format!("{} answers differently at {}", line(&self.route), line(&self.place))
    }

    /// The race that carries it.
    pub fn to_race(&self) -> Race {
        let mut race = Race::new(Kind::AnswerDiff, Detector::Photofinish, self.headline());
        race.raw = self.write();
        race
    }

    /// As text, which [`AnswerDiff::read`] reads.
    pub fn write(&self) -> String {
        let mut text = format!("{FIRST}{}{AT}{}\n", line(&self.route), line(&self.place));
        for (label, side) in [("Primary: ", &self.primary), ("Mirror:  ", &self.mirror)] {
            let content_type = match side.content_type.as_str() {
                "" => "-".to_owned(),
                name => line(name).replace([' ', ':'], ""),
            };
            let _ = writeln!(text, "{label}{} {content_type}: {}", side.status, line(&side.value));
        }
        if let Some(request) = &self.request {
            let _ = writeln!(text, "Request: {}", line(request));
        }
        let (compared, differed) = (self.compared, self.differed);
        let _ = write!(text, "Compared {compared} answers of this route, {differed} differed here");
        text
    }

    /// Reads what [`AnswerDiff::write`] made; `None` if `text` is something else. Lines that are missing
    /// leave their fields empty.
    pub fn read(text: &str) -> Option<AnswerDiff> {
        let mut lines = text.lines();
        // The method and the path have no space in them, a place may.
        let (route, place) = lines.next()?.strip_prefix(FIRST)?.split_once(AT)?;
        let mut diff =
            AnswerDiff { route: route.into(), place: place.into(), ..AnswerDiff::default() };
        for line in lines {
            if let Some(side) = line.strip_prefix("Primary: ") {
                diff.primary = Answered::read(side)?;
            } else if let Some(side) = line.strip_prefix("Mirror:  ") {
                diff.mirror = Answered::read(side)?;
            } else if let Some(request) = line.strip_prefix("Request: ") {
                diff.request = Some(request.to_owned());
            } else if let Some(counts) = line.strip_prefix("Compared ") {
                let mut numbers = counts.split(' ').filter_map(|word| word.parse().ok());
                diff.compared = numbers.next()?;
                diff.differed = numbers.next()?;
            }
        }
        Some(diff)
    }
}

impl Answered {
    fn read(text: &str) -> Option<Answered> {
        let (head, value) =
            text.split_once(": ").or_else(|| Some((text.strip_suffix(':')?, "")))?;
        let (status, content_type) = head.split_once(' ')?;
        Some(Answered {
            status: status.parse().ok()?,
            content_type: if content_type == "-" { "" } else { content_type }.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// `text` on one line.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => out.extend(letter.escape_default()),
            '\u{2028}' | '\u{2029}' => out.extend(letter.escape_default()),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
#[path = "answer_diff_tests.rs"]
mod tests;
