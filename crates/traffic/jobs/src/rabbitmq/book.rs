//! What a sampler has written down: one persistent message, in a queue that keeps the newest only.
//!
//! It says which jobs go where *before* the first copy is made. RabbitMQ numbers nothing, so a job that comes
//! again after a crash is known by a digest of what it is; and it goes to the side where it may be already.

use lapin::message::Delivery;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};

/// The state of a sampled queue.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Book {
    /// Grows with every writing.
    pub(super) edition: u64,
    pub(super) position: u64,
    pub(super) race: u64,
    pub(super) no_room: u64,
    pub(super) waited: u64,
    pub(super) mode: String,
    /// When it was written, in milliseconds since 1970 by the sampler's clock.
    pub(super) written_ms: u64,
    /// Jobs that may have been copied and not yet acknowledged.
    pub(super) jobs: Vec<Fate>,
}

/// Where a job goes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Fate {
    pub(super) digest: String,
    pub(super) race: bool,
    /// Its number among all jobs.
    pub(super) number: u64,
    /// Known to be in its queue, by a sampler that still lives.
    #[serde(skip)]
    pub(super) is_there: bool,
}

/// Jobs that may come again, in their order.
#[derive(Debug, Default)]
pub(super) struct Expected(HashMap<String, VecDeque<Fate>>);

impl Expected {
    pub(super) fn new(fates: impl IntoIterator<Item = Fate>) -> Expected {
        let mut expected = Expected::default();
        for fate in fates {
            expected.0.entry(fate.digest.clone()).or_default().push_back(fate);
        }
        expected
    }

    /// The fate of a job that has come again.
    pub(super) fn take(&mut self, digest: &str) -> Option<Fate> {
        let fates = self.0.get_mut(digest)?;
        let fate = fates.pop_front();
        if fates.is_empty() {
            self.0.remove(digest);
        }
        fate
    }

    pub(super) fn rest(&self) -> impl Iterator<Item = &Fate> {
        self.0.values().flatten()
    }
}

/// What a job is known by: not its headers, some of which count how often it was given out.
pub(super) fn digest(job: &Delivery) -> String {
    let mut hash = Sha256::new();
    let properties = &job.properties;
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for text in [properties.message_id(), properties.correlation_id(), properties.kind()] {
        part(text.as_ref().map_or("", |text| text.as_str()).as_bytes());
    }
    part(&properties.timestamp().unwrap_or(0).to_le_bytes());
    part(job.routing_key.as_str().as_bytes());
    part(&job.data);
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_look_alike_get_their_fates_in_order() {
        let fate = |digest: &str, number| Fate {
            digest: digest.to_owned(),
            race: number == 1,
            number,
            is_there: false,
        };
        let mut expected = Expected::new([fate("a", 0), fate("a", 1), fate("b", 2)]);
        assert_eq!(expected.take("a").map(|fate| fate.number), Some(0));
        assert_eq!(expected.rest().count(), 2);
        assert_eq!(expected.take("a").map(|fate| fate.number), Some(1));
        assert_eq!(expected.take("a"), None);
    }
}
