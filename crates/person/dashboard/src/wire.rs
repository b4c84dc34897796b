//! What other photofinishes send: sightings, whole, each with a key that makes it count once.
//!
//! `POST /api/v1/sightings` takes an array of [`SightingJson`] and answers with one [`RecordedJson`]
//! each, once all of them are on the disk. Fields may be added; those that are here stay.

use jiff::Timestamp;
use photofinish_model::{Race, UnknownWord};
use photofinish_store::json::RaceJson;
use photofinish_store::{Campaign, CampaignFound, NewSighting, Recorded, Source};
use serde::{Deserialize, Serialize};

/// A race seen once, on its way to whoever keeps findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SightingJson {
    /// The same for the same sighting, however often it is sent.
    pub key: String,
    /// What was seen.
    pub race: RaceJson,
    /// The word of a [`Source`].
    pub source: String,
    /// The service, where it has a name.
    #[serde(default)]
    pub service: Option<String>,
    /// The version of the program.
    #[serde(default)]
    pub build: Option<String>,
    /// The machine or pod.
    #[serde(default)]
    pub host: Option<String>,
    /// The process.
    #[serde(default)]
    pub pid: Option<u32>,
    /// When it was seen: RFC 3339.
    pub at: Timestamp,
}

/// What became of a sighting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedJson {
    /// The finding it belongs to.
    pub fingerprint: String,
    /// The first sighting of its finding.
    pub new: bool,
    /// It showed that a repair had failed.
    pub regressed: bool,
    /// It had been recorded before.
    pub duplicate: bool,
    /// Where the finding stands now.
    pub state: String,
}

/// A version of a service that was started: `POST /api/v1/builds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildJson {
    /// The service.
    pub service: String,
    /// Its version.
    pub build: String,
    /// When.
    pub at: Timestamp,
}

/// Where a finding stands: `GET /api/v1/findings/ID/state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateJson {
    /// The word of a [`State`](photofinish_store::State); null if there is no such finding.
    pub state: Option<String>,
    /// It waits for nobody's decision.
    pub acknowledged: bool,
}

/// What a hunt or a catch came to: `POST /api/v1/campaigns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignJson {
    /// The same for the same campaign, however often it is sent.
    pub id: String,
    /// `hunt`, `catch`.
    pub kind: String,
    /// What was looked at.
    pub service: String,
    /// Where.
    pub host: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What it saw.
    pub found: Vec<CampaignFound>,
    /// What else there is to say, name and value.
    #[serde(default)]
    pub figures: Vec<(String, String)>,
}

impl From<CampaignJson> for Campaign {
    fn from(json: CampaignJson) -> Campaign {
        let CampaignJson { id, kind, service, host, started, ended, found, figures } = json;
        Campaign { id, kind, service, host, started, ended, found, figures }
    }
}

impl From<Campaign> for CampaignJson {
    fn from(campaign: Campaign) -> CampaignJson {
        let Campaign { id, kind, service, host, started, ended, found, figures } = campaign;
        CampaignJson { id, kind, service, host, started, ended, found, figures }
    }
}

/// What went wrong, in the answer to a request of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorJson {
    /// What and where.
    pub error: String,
    /// Why.
    #[serde(default)]
    pub because: Option<String>,
    /// What to do next.
    #[serde(default)]
    pub hint: Option<String>,
}

/// A sighting that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Understood {
    key: String,
    race: Race,
    source: Source,
    service: Option<String>,
    build: Option<String>,
    host: Option<String>,
    pid: Option<u32>,
    at: Timestamp,
}

impl TryFrom<SightingJson> for Understood {
    type Error = UnknownWord;

    fn try_from(json: SightingJson) -> Result<Self, UnknownWord> {
        let named = |name: Option<String>| name.filter(|name| !name.is_empty());
        Ok(Understood {
            key: json.key,
            race: Race::try_from(json.race)?,
            // Of a later photofinish perhaps: the race counts all the same.
            source: json.source.parse().unwrap_or(Source::Run),
            service: named(json.service),
            build: named(json.build),
            host: named(json.host),
            pid: json.pid,
            at: json.at,
        })
    }
}

impl Understood {
    /// As the store takes it.
    pub(crate) fn sighting(&self) -> NewSighting<'_> {
        NewSighting {
            key: &self.key,
            race: &self.race,
            source: self.source,
            service: self.service.as_deref(),
            build: self.build.as_deref(),
            host: self.host.as_deref(),
            pid: self.pid,
            at: self.at,
        }
    }
}

impl From<&Recorded> for RecordedJson {
    fn from(recorded: &Recorded) -> Self {
        RecordedJson {
            fingerprint: recorded.fingerprint.to_string(),
            new: recorded.new,
            regressed: recorded.regressed,
            duplicate: recorded.duplicate,
            state: recorded.state.to_string(),
        }
    }
}
