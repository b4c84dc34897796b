//! From `[proxy.recording]` to the recorder's plan.

use super::RecordingConfig;
use super::plan::{bytes, put};
use crate::config::word::Worded;
use crate::config::{Config, ConfigError};
use photofinish_proxy::plan::{Recording, Share};
use photofinish_recording::{Plan, Redaction, WhenFull};

/// Bytes of one file, of a body, and of what waits to be written, if nobody says.
const SIZES: (u64, usize, usize) = (1 << 30, 1 << 20, 16 << 20);
/// Files kept, if nobody says.
const FILES: usize = 2;

impl Config {
    pub(super) fn recording(&self, config: &RecordingConfig) -> Result<Recording, ConfigError> {
        let Some(file) = &config.file else {
            let hint = "say where: file = \"traffic.jsonl\"".to_owned();
            return Err(self.wrong("proxy.recording.file", "is missing", Some(hint)));
        };
        let mut redaction = Redaction::default();
        redaction.headers.extend(config.redact.headers.iter().cloned());
        redaction.query.extend(config.redact.query.iter().cloned());
        redaction.body_fields.clone_from(&config.redact.body_fields);
        redaction.stand_in = config.redact.stand_in;
        let mut plan = Plan {
            path: self.path(file),
            max_bytes: config.size.as_ref().map_or(SIZES.0, |Worded(size)| size.0),
            when_full: match config.files.unwrap_or(FILES) {
                0 | 1 => WhenFull::Stop,
                files => WhenFull::Rotate { files },
            },
            max_body: SIZES.1,
            max_queued: SIZES.2,
            redaction,
        };
        put(&mut plan.max_body, bytes(config.body.as_ref()));
        put(&mut plan.max_queued, bytes(config.budget.as_ref()));
        let share = config.share.as_ref().map_or(Share::ALL, |Worded(share)| *share);
        Ok(Recording { share, file: plan })
    }
}
