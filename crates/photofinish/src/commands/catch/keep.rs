//! What is caught becomes a finding at once. A store that is away gets it later; at the end that it never did
//! is an error.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use photofinish_catch::Caught;
use photofinish_goprocess::Process;
use photofinish_store::{Campaign, CampaignFound};
use photofinish_supervise::build::Revision;
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};

use super::targets::program_name;
use crate::sink::StoreSink;

/// More races than this do not wait for a store: the oldest are given up, and told.
const MOST_WAITING: usize = 10_000;

/// A store, and what waits for it.
#[derive(Debug)]
pub(super) struct Keep {
    store: StoreSink,
    service: Option<String>,
    waiting: Vec<Sighted>,
    failure: Option<SinkError>,
    n_given_up: usize,
    started: Timestamp,
    found: Vec<CampaignFound>,
}

/// Where a race was caught.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) pid: u32,
    /// The file's name.
    pub(super) program: String,
    /// The state of the source it was built from, if it says so.
    build: String,
}

impl Origin {
    pub(super) fn of(process: &Process) -> Origin {
        let info = process.build();
        let revision = Revision {
            commit: info.setting("vcs.revision").map(str::to_owned),
            dirty: info.setting("vcs.modified") == Some("true"),
            module_version: info.module_version.clone(),
        };
        Origin {
            pid: process.pid().unwrap_or_default(),
            program: program_name(process.path()),
            build: revision.label().unwrap_or_default(),
        }
    }
}

impl Keep {
    /// For `store`, under `service`; without one each under its program's name.
    pub(super) fn new(store: StoreSink, service: Option<String>) -> Keep {
        Keep {
            store,
            service,
            waiting: Vec::new(),
            failure: None,
            n_given_up: 0,
            started: Timestamp::now(),
            found: Vec::new(),
        }
    }

    /// Records `caught`, now or when the store can be had. What the store says of it, if it did now.
    pub(super) fn keep(&mut self, origin: &Origin, caught: &Caught) -> Option<Delivered> {
        let at = SystemTime::now();
        let nanos = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        self.waiting.push(Sighted {
            key: format!("catch:{}:{nanos}:{}", origin.pid, self.waiting.len()),
            race: caught.race.clone(),
            source: "catch".to_owned(),
            service: self.service.clone().unwrap_or_else(|| origin.program.clone()),
            build: origin.build.clone(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: origin.pid,
            at,
        });
        let delivered = self.deliver().pop();
        if self.waiting.len() > MOST_WAITING {
            self.waiting.remove(0);
            self.n_given_up += 1;
        }
        delivered
    }

    /// Tries to record what waits. Called now and then, since nothing else may be caught for long.
    pub(super) fn deliver(&mut self) -> Vec<Delivered> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        match self.store.deliver(&self.waiting) {
            Ok(delivered) => {
                self.remember(&delivered);
                self.waiting.clear();
                self.failure = None;
                delivered
            }
            Err(error) => {
                if self.failure.is_none() {
                    tracing::warn!("caught races wait in memory for the store: {error}");
                }
                self.failure = Some(error);
                Vec::new()
            }
        }
    }

    fn remember(&mut self, delivered: &[Delivered]) {
        for one in delivered {
            let id = one.fingerprint.to_string();
            if !self.found.iter().any(|found| found.id == id) {
                let (new, regressed) = (one.new, one.regressed);
                self.found.push(CampaignFound { id, new, regressed });
            }
        }
    }

    /// Keeps what all of it came to, for the page of campaigns; of nothing no store is made.
    pub(super) fn campaign(&mut self, service: &str) {
        if self.found.is_empty() {
            return;
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let campaign = Campaign {
            id: format!("catch/{host}/{}/{}", std::process::id(), self.started.as_nanosecond()),
            kind: "catch".to_owned(),
            service: self.service.clone().unwrap_or_else(|| service.to_owned()),
            host,
            started: self.started,
            ended: Timestamp::now(),
            found: std::mem::take(&mut self.found),
            figures: Vec::new(),
        };
        if let Err(error) = self.store.campaign(&campaign) {
            tracing::warn!("the page of campaigns will not show this catch: {error:#}");
        }
    }

    /// Tries for the last time.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.deliver();
        let n_lost = self.waiting.len() + self.n_given_up;
        match self.failure {
            Some(failure) if n_lost > 0 => Err(anyhow::Error::from(failure)
                .context(format!("{n_lost} caught races are printed here only, not kept"))),
            _ => Ok(()),
        }
    }
}
