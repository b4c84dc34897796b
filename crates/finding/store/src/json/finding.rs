//! [`FindingJson`]: a finding, as `findings --format json` and `hunt --format json` print it.

use super::RaceJson;
use crate::finding::{Finding, Seen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A finding. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingJson {
    /// The same as `fingerprint`.
    pub id: String,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// The word of a [`State`](crate::State).
    pub state: String,
    /// The word of a [`Kind`](photofinish_model::Kind).
    pub kind: String,
    /// The word of a [`Detector`](photofinish_model::Detector).
    pub detector: String,
    /// The word of a [`Pattern`](photofinish_model::Pattern).
    pub pattern: String,
    /// What goes wrong, in one line.
    pub explanation: String,
    /// How it is usually repaired, in one line.
    pub hint: String,
    /// `main.getCached ↔ main.setCached`.
    pub title: String,
    /// Only `--light` builds have seen it.
    pub light_only: bool,
    /// How often it was seen.
    pub count: u64,
    /// How often by whom.
    pub sources: BTreeMap<String, u64>,
    /// How often in which service.
    pub services: BTreeMap<String, u64>,
    /// How often in which build.
    pub builds: BTreeMap<String, u64>,
    /// How often on which host.
    pub hosts: BTreeMap<String, u64>,
    /// Teams or people.
    pub owners: Vec<String>,
    /// The owners were named by a person.
    pub owners_assigned: bool,
    /// Of the earliest sighting.
    pub first_seen: String,
    /// Of the latest sighting.
    pub last_seen: String,
    /// The first build that has the repair.
    pub fixed_in: Option<String>,
    /// Suppressed until then.
    pub muted_until: Option<String>,
    /// The sighting that tells most.
    pub race: RaceJson,
    /// Jobs that were under way when it was seen, of the latest sighting in front.
    #[serde(default)]
    pub jobs: Vec<JobJson>,
    /// What happened to it, oldest first.
    pub history: Vec<ChangeJson>,
}

/// A job that was under way when a finding was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobJson {
    /// When the finding was seen.
    pub at: String,
    /// The queue that it was taken from.
    pub queue: String,
    /// Its id, as its broker writes it.
    pub id: String,
    /// What it is to do, where its broker knows.
    pub kind: Option<String>,
    /// So many jobs were under way then, this one included.
    pub among: u32,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeJson {
    /// When.
    pub at: String,
    /// From where; null when it was first seen.
    pub from: Option<String>,
    /// To where.
    pub to: String,
    /// Who did it; null for photofinish itself.
    pub by: Option<String>,
    /// Why.
    pub why: String,
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> Self {
        let race = RaceJson::classified(&finding.race, finding.pattern);
        FindingJson {
            id: finding.fingerprint.to_string(),
            fingerprint: finding.fingerprint.to_string(),
            state: finding.state.to_string(),
            kind: race.kind.clone(),
            detector: race.detector.clone(),
            pattern: race.pattern.clone(),
            explanation: race.explanation.clone(),
            hint: race.hint.clone(),
            title: finding.title.clone(),
            light_only: finding.light_only,
            count: finding.count,
            sources: finding.sources.iter().map(|(s, n)| (s.to_string(), *n)).collect(),
            services: counts(&finding.services),
            builds: counts(&finding.builds),
            hosts: counts(&finding.hosts),
            owners: finding.owners.clone(),
            owners_assigned: finding.owners_assigned,
            first_seen: finding.first_seen.to_string(),
            last_seen: finding.last_seen.to_string(),
            fixed_in: finding.fixed_in.clone(),
            muted_until: finding.muted_until.map(|until| until.to_string()),
            race,
            jobs: finding
                .jobs
                .iter()
                .map(|linked| JobJson {
                    at: linked.at.to_string(),
                    queue: linked.job.queue.clone(),
                    id: linked.job.id.clone(),
                    kind: linked.job.kind.clone(),
                    among: linked.among,
                })
                .collect(),
            history: finding
                .history
                .iter()
                .map(|change| ChangeJson {
                    at: change.at.to_string(),
                    from: change.from.map(|state| state.to_string()),
                    to: change.to.to_string(),
                    by: change.by.clone(),
                    why: change.why.clone(),
                })
                .collect(),
        }
    }
}

fn counts(seen: &[Seen]) -> BTreeMap<String, u64> {
    seen.iter().map(|seen| (seen.name.clone(), seen.count)).collect()
}
