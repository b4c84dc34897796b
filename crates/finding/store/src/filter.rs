//! Which findings to read.

use crate::finding::Finding;
use crate::lifecycle::State;
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::Pattern;

/// Which findings to read; what is empty lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<State>,
    /// Seen by one of these.
    pub sources: Vec<Source>,
    /// Of one of these patterns.
    pub patterns: Vec<Pattern>,
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
        of_pattern && by_source && self.has_words(finding)
    }

    fn has_words(&self, finding: &Finding) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let race = &finding.race;
        let mut text = format!(
            "{} {} {} {} {}",
            finding.fingerprint,
            finding.title,
            race.headline,
            finding.pattern,
            finding.owners.join(" ")
        );
        for access in &race.accesses {
            for frame in access.stack.frames.iter().chain(&access.created_at.frames) {
                text.push(' ');
                text.push_str(&frame.function);
                text.push(' ');
                text.push_str(frame.file.as_deref().unwrap_or_default());
            }
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}
