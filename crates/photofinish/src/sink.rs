//! Where what supervised programs print, and what `catch` and `proxy` see, is kept: the findings of
//! this machine, a `serve` somewhere else, or both.
//!
//! The store is opened at the first need and again after each failure, so that one that is away,
//! locked or full when a program starts is no reason not to start it. A `serve` that is away is waited
//! for in an [`Outbox`], unless whoever delivers has a spool and tries again by itself.

use crate::outbox::Outbox;
use anyhow::Context;
use jiff::Timestamp;
use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::{BuildJson, CampaignJson, RecordedJson, SightingJson};
use photofinish_model::Fingerprint;
use photofinish_store::json::RaceJson;
use photofinish_store::{Campaign, Job, NewSighting, OwnerRules, Source, Store, StorePlace};
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::sync::Arc;
use std::time::SystemTime;

/// Delivers to findings in one place, to a `serve`, or to both.
#[derive(Debug, Default)]
pub(crate) struct StoreSink {
    place: Option<StorePlace>,
    owner_rules: Option<OwnerRules>,
    store: Option<Store>,
    remote: Option<Remote>,
}

/// A `serve`, and where what it does not take now waits.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) client: Client,
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl StoreSink {
    /// Delivers to the findings at `place`.
    pub(crate) fn new(place: impl Into<StorePlace>) -> StoreSink {
        StoreSink { place: Some(place.into()), ..StoreSink::default() }
    }

    /// Delivers to the findings at `place` if there is one, and to `remote` if there is one.
    pub(crate) fn to(place: Option<StorePlace>, remote: Option<Remote>) -> StoreSink {
        StoreSink { place, remote, ..StoreSink::default() }
    }

    /// The same, working out owners by `rules`.
    pub(crate) fn with_owner_rules(mut self, rules: Option<OwnerRules>) -> StoreSink {
        self.owner_rules = rules;
        self
    }

    /// Another one, into the same findings.
    pub(crate) fn another(&self) -> StoreSink {
        StoreSink::to(self.place.clone(), self.remote.clone())
            .with_owner_rules(self.owner_rules.clone())
    }

    /// Links what was delivered under `key` to jobs.
    pub(crate) fn link_jobs(&mut self, key: &str, jobs: &[Job]) -> Result<(), SinkError> {
        self.with(|store| Ok(store.link_jobs(key, jobs)?)).map(drop)
    }

    /// Keeps what a campaign came to; its findings are known already.
    pub(crate) fn campaign(&mut self, campaign: &Campaign) -> anyhow::Result<()> {
        self.with(|store| Ok(store.record_campaign(campaign)?))?;
        self.remote.as_ref().map_or(Ok(()), |remote| remote.campaign(&campaign.clone().into()))
    }

    /// Does something with the store, if there is one; after a failure it is opened anew next time.
    fn with<T>(
        &mut self,
        what: impl FnOnce(&mut Store) -> anyhow::Result<T>,
    ) -> Result<Option<T>, SinkError> {
        let Some(place) = &self.place else { return Ok(None) };
        let attempt = || {
            let mut store = match self.store.take() {
                Some(store) => store,
                None => {
                    let mut store = Store::open(place)?;
                    store.set_owner_rules(self.owner_rules.clone());
                    store
                }
            };
            let done = what(&mut store)?;
            self.store = Some(store);
            anyhow::Ok(done)
        };
        attempt().map(Some).map_err(SinkError::new)
    }
}

impl Sink for StoreSink {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        let here = self.with(|store| {
            let sightings = sighted.iter().map(sighting).collect::<anyhow::Result<Vec<_>>>()?;
            let recorded = store.record_all(&sightings)?;
            Ok(recorded
                .into_iter()
                .map(|recorded| Delivered {
                    fingerprint: recorded.fingerprint,
                    new: recorded.new,
                    regressed: recorded.regressed,
                    duplicate: recorded.duplicate,
                })
                .collect())
        })?;
        let there = match &self.remote {
            Some(remote) => Some(remote.deliver(sighted).map_err(SinkError::new)?),
            None => None,
        };
        // What is known here is known for certain; the other side may have answered nothing yet.
        Ok(here.or(there).unwrap_or_default())
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        let here =
            self.with(|store| Ok(store.state(fingerprint)?.is_some_and(|s| !s.is_open())))?;
        match &self.remote {
            Some(remote) if here != Some(true) => {
                let state = remote.client.state(fingerprint.as_str()).map_err(SinkError::new)?;
                Ok(state.acknowledged)
            }
            _ => Ok(here.unwrap_or(false)),
        }
    }

    fn started(&mut self, service: &str, build: &str, at: SystemTime) -> Result<(), SinkError> {
        let at = Timestamp::try_from(at).map_err(SinkError::new)?;
        self.with(|store| Ok(store.saw_build(Some(service), build, at)?))?;
        if let Some(remote) = &self.remote {
            let (service, build) = (service.to_owned(), build.to_owned());
            remote.client.build(&BuildJson { service, build, at }).map_err(SinkError::new)?;
        }
        Ok(())
    }
}

impl Remote {
    /// Sends, or keeps until it can be sent.
    fn deliver(&self, sighted: &[Sighted]) -> anyhow::Result<Vec<Delivered>> {
        let sightings = sighted.iter().map(wired).collect::<anyhow::Result<Vec<_>>>()?;
        let Some(outbox) = &self.outbox else {
            return Ok(self.client.send(&sightings)?.into_iter().map(delivered).collect());
        };
        if outbox.is_empty() {
            match self.client.send(&sightings) {
                Ok(recorded) => return Ok(recorded.into_iter().map(delivered).collect()),
                Err(error) => tracing::debug!("{:#}", anyhow::Error::from(error)),
            }
        }
        outbox.put(&sightings).with_context(|| cannot_keep("sightings", outbox))?;
        let unknown = |sighted: &Sighted| Delivered {
            fingerprint: Fingerprint::of(&sighted.race),
            new: false,
            regressed: false,
            duplicate: false,
        };
        Ok(sighted.iter().map(unknown).collect())
    }

    /// The same for what a campaign came to.
    fn campaign(&self, campaign: &CampaignJson) -> anyhow::Result<()> {
        let Some(outbox) = &self.outbox else { return Ok(self.client.campaign(campaign)?) };
        // Behind its sightings, if they wait.
        if outbox.is_empty() {
            match self.client.campaign(campaign) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!("{:#}", anyhow::Error::from(error)),
            }
        }
        outbox.put_campaign(campaign).with_context(|| cannot_keep("a campaign", outbox))
    }
}

fn cannot_keep(what: &str, outbox: &Outbox) -> String {
    format!("cannot keep {what} in {} until it can be sent", outbox.folder().display())
}

fn delivered(recorded: RecordedJson) -> Delivered {
    Delivered {
        fingerprint: Fingerprint::from_stored(recorded.fingerprint),
        new: recorded.new,
        regressed: recorded.regressed,
        duplicate: recorded.duplicate,
    }
}

fn wired(sighted: &Sighted) -> anyhow::Result<SightingJson> {
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(SightingJson {
        key: sighted.key.clone(),
        race: RaceJson::from(&sighted.race),
        source: sighted.source.clone(),
        service: named(&sighted.service),
        build: named(&sighted.build),
        host: named(&sighted.host),
        pid: Some(sighted.pid).filter(|pid| *pid != 0),
        at: Timestamp::try_from(sighted.at).context("a time out of range")?,
    })
}

fn sighting(sighted: &Sighted) -> anyhow::Result<NewSighting<'_>> {
    Ok(NewSighting {
        key: &sighted.key,
        race: &sighted.race,
        // A folder of the spool may be older or newer than this program.
        source: sighted.source.parse().unwrap_or(Source::Run),
        service: Some(sighted.service.as_str()).filter(|name| !name.is_empty()),
        build: Some(sighted.build.as_str()).filter(|name| !name.is_empty()),
        host: Some(sighted.host.as_str()).filter(|name| !name.is_empty()),
        pid: Some(sighted.pid).filter(|pid| *pid != 0),
        at: Timestamp::try_from(sighted.at).context("a time out of range")?,
    })
}
