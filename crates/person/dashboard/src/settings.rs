//! What `serve` is asked for.

use crate::token::Token;
use crate::watched::Watched;
use photofinish_store::{OwnerRules, Repository, StorePlace};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What to serve, where and to whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the findings are kept.
    pub store: StorePlace,
    /// Who has it may read and decide; needed where other machines can reach `listen`.
    pub token: Option<Token>,
    /// Who has it may send sightings and nothing else.
    pub report_token: Option<Token>,
    /// Serve HTTPS.
    pub tls: Option<Tls>,
    /// The checkout whose source is shown beside a finding.
    pub repository: Option<Repository>,
    /// From whose files owners are told.
    pub owner_rules: Option<OwnerRules>,
    /// Proxies and queues whose figures are shown.
    pub watched: Vec<Watched>,
    /// How much is taken.
    pub limits: Limits,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate and those that vouch for it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// How much is taken at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more wait.
    pub connections: usize,
    /// Bytes of one request's body.
    pub body: usize,
    /// Bytes of sightings that are being received or written at a time; more are told to come back.
    pub intake: usize,
    /// From the first byte of a request's head to its last, and between two requests.
    pub head_time: Duration,
    /// For a request's body.
    pub body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4096,
            body: 16 << 20,
            intake: 64 << 20,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// The findings at `store`, on `listen`, nothing else.
    pub fn new(listen: SocketAddr, store: impl Into<StorePlace>) -> Settings {
        Settings {
            listen,
            store: store.into(),
            token: None,
            report_token: None,
            tls: None,
            repository: None,
            owner_rules: None,
            watched: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Only this machine can reach it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.listen.ip().is_loopback()
    }
}
