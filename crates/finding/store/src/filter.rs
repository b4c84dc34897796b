//! Which findings to read.

use crate::finding::Finding;
use crate::lifecycle::State;
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Pattern, Race};

/// Which findings to read; what is empty lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<State>,
    /// Seen by one of these.
    pub sources: Vec<Source>,
    /// Of one of these patterns.
    pub patterns: Vec<Pattern>,
    /// Seen in one of these services.
    pub services: Vec<String>,
    /// Owned by one of these, in any case.
    pub owners: Vec<String>,
    /// Seen at this time or later.
    pub since: Option<Timestamp>,
    /// With all of these words in id, title, functions, files, headline or owners, in any case.
    pub words: Vec<String>,
}

impl Filter {
    /// What SQL has not sorted out already: everything but state and time.
    pub(crate) fn lets_through(&self, finding: &Finding) -> bool {
        let of_pattern = self.patterns.is_empty() || self.patterns.contains(&finding.pattern);
        let by_source = self.sources.is_empty()
            || self.sources.iter().any(|source| finding.sources.contains_key(source));
        let in_service = self.services.is_empty()
            || finding.services.iter().any(|seen| self.services.contains(&seen.name));
        let by_owner = self.owners.is_empty()
            || self.owners.iter().any(|wanted| {
                finding.owners.iter().any(|owner| owner.eq_ignore_ascii_case(wanted))
            });
        of_pattern && by_source && in_service && by_owner && self.has_words(finding)
    }

    fn has_words(&self, finding: &Finding) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let race = &finding.race;
        let mut text = words_of(&finding.fingerprint, &finding.title, race);
        text.push_str(&format!(" {} {}", finding.pattern, finding.owners.join(" ")).to_lowercase());
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
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
