//! The store as a [`Sink`]: what supervised programs print becomes findings.
//!
//! The store is opened at the first need and again after each failure, so that one that is away,
//! locked or full when a program starts is no reason not to start it.

use anyhow::Context;
use jiff::Timestamp;
use photofinish_model::Fingerprint;
use photofinish_store::{Job, NewSighting, OwnerRules, Source, Store};
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::path::PathBuf;
use std::time::SystemTime;

/// Delivers to the findings in one file.
#[derive(Debug)]
pub(crate) struct StoreSink {
    path: PathBuf,
    owner_rules: Option<OwnerRules>,
    store: Option<Store>,
}

impl StoreSink {
    /// Delivers to the findings at `path`.
    pub(crate) fn new(path: PathBuf) -> StoreSink {
        StoreSink { path, owner_rules: None, store: None }
    }

    /// The same, working out owners by `rules`.
    pub(crate) fn with_owner_rules(mut self, rules: Option<OwnerRules>) -> StoreSink {
        self.owner_rules = rules;
        self
    }

    /// Another one, into the same findings.
    pub(crate) fn another(&self) -> StoreSink {
        StoreSink::new(self.path.clone()).with_owner_rules(self.owner_rules.clone())
    }

    /// Links what was delivered under `key` to jobs.
    pub(crate) fn link_jobs(&mut self, key: &str, jobs: &[Job]) -> Result<(), SinkError> {
        self.with(|store| Ok(store.link_jobs(key, jobs)?))
    }

    /// Does something with the store; after a failure it is opened anew next time.
    fn with<T>(
        &mut self,
        what: impl FnOnce(&mut Store) -> anyhow::Result<T>,
    ) -> Result<T, SinkError> {
        let attempt = || {
            let mut store = match self.store.take() {
                Some(store) => store,
                None => {
                    let mut store = Store::open(&self.path)?;
                    store.set_owner_rules(self.owner_rules.clone());
                    store
                }
            };
            let done = what(&mut store)?;
            self.store = Some(store);
            anyhow::Ok(done)
        };
        attempt().map_err(SinkError::new)
    }
}

impl Sink for StoreSink {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        self.with(|store| {
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
        })
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        self.with(|store| Ok(store.state(fingerprint)?.is_some_and(|state| !state.is_open())))
    }

    fn started(&mut self, service: &str, build: &str, at: SystemTime) -> Result<(), SinkError> {
        self.with(|store| Ok(store.saw_build(Some(service), build, Timestamp::try_from(at)?)?))
    }
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
