//! Which findings to read.

use crate::lifecycle::State;
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Pattern, Race};

/// Which findings to read; what is empty lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<State>,
    /// Seen by one of these, and in one of `services` by that one.
    pub sources: Vec<Source>,
    /// Of one of these patterns.
    pub patterns: Vec<Pattern>,
    /// Seen in one of these services, and by one of `sources` there.
    pub services: Vec<String>,
    /// Owned by one of these, in any case.
    pub owners: Vec<String>,
    /// Seen at this time or later.
    pub since: Option<Timestamp>,
    /// With all of these words in id, title, functions, files, headline or owners, in any case.
    pub words: Vec<String>,
}

impl Filter {
    /// Whether findings in this state are wanted.
    pub(crate) fn has_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }
}

/// What a finding is searched by, in small letters: id, title, headline, functions and files.
pub(crate) fn words_of(fingerprint: &Fingerprint, title: &str, race: &Race) -> String {
    let mut text = format!("{fingerprint} {title} {}", race.headline);
    let mut last: Option<&str> = None;
    for access in &race.accesses {
        for frame in access.stack.frames.iter().chain(&access.created_at.frames) {
            text.push(' ');
            text.push_str(&frame.function);
            // Frames of one file stand together.
            if let Some(file) = frame.file.as_deref().filter(|file| last != Some(*file)) {
                text.push(' ');
                text.push_str(file);
                last = Some(file);
            }
        }
    }
    text.to_lowercase()
}
