//! What supervision tells while it goes on.

use super::End;
use crate::follow::{Found, Notice};
use photofinish_model::Fingerprint;
use std::net::SocketAddr;
use std::time::Duration;

/// Something that happened, for a person or a program that runs the supervision.
#[derive(Clone, Debug)]
pub enum Event {
    /// What was decided before the first start, a line each: GORACE, history_size, doubts.
    Decided(String),
    /// Something a person should know before trusting what follows.
    Warning(String),
    /// The health endpoint listens.
    Listening(SocketAddr),
    /// The program was started.
    Started {
        /// Which start, from 1.
        attempt: u32,
        /// Its process.
        pid: u32,
    },
    /// The program ended.
    Ended {
        /// Its process.
        pid: u32,
        /// How.
        end: End,
        /// Whether that counts as a crash.
        crashed: bool,
    },
    /// The next start waits, so that a crash loop does not burn the machine.
    RestartIn {
        /// How long.
        pause: Duration,
        /// Crashes in a row.
        crashes: u32,
    },
    /// There were too many crashes in a row.
    GivenUp {
        /// How many.
        crashes: u32,
    },
    /// The next start waits until these are acknowledged.
    GateClosed {
        /// The findings.
        findings: Vec<Fingerprint>,
    },
    /// The gate let the next start through.
    GateOpened {
        /// Somebody acknowledged; otherwise the bound passed.
        acknowledged: bool,
    },
    /// Reports stay in the spool, since the store would not take them.
    LeftInSpool {
        /// How many at least.
        waiting: usize,
    },
    /// What following has to tell.
    Notice(Notice),
}

impl Event {
    /// One line for a person, or nothing where there is nothing to say.
    pub fn line(&self) -> Option<String> {
        Some(match self {
            Event::Decided(text) => text.clone(),
            Event::Warning(text) => format!("warning: {text}"),
            Event::Listening(address) => format!("health on http://{address}/healthz"),
            Event::Started { pid, attempt: 1 } => format!("started process {pid}"),
            Event::Started { pid, attempt } => format!("started process {pid} (start {attempt})"),
            Event::Ended { pid, end, crashed } => {
                let word = if *crashed { "crashed" } else { "ended" };
                format!("process {pid} {word}: {end}")
            }
            Event::RestartIn { pause, crashes } => {
                format!("restart in {:.1} s ({crashes} in a row)", pause.as_secs_f64())
            }
            Event::GivenUp { crashes } => format!("gave up after {crashes} crashes in a row"),
            Event::GateClosed { findings } => {
                let names: Vec<&str> = findings.iter().map(Fingerprint::as_str).collect();
                let names = names.join(" ");
                format!("the next start waits; acknowledge with: photofinish findings ack {names}")
            }
            Event::GateOpened { acknowledged: true } => "acknowledged, going on".to_owned(),
            Event::GateOpened { acknowledged: false } => {
                "nobody acknowledged in time, going on".to_owned()
            }
            Event::LeftInSpool { waiting } => {
                format!("at least {waiting} reports stay in the spool for the next run to deliver")
            }
            Event::Notice(notice) => return notice_line(notice),
        })
    }
}

fn notice_line(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Found(found) => found_line(found)?,
        Notice::StoreAway { cause } => {
            format!("warning: the store takes no reports, they wait in the spool: {cause}")
        }
        Notice::StoreBack { waited } => format!("the store takes reports again ({waited} waited)"),
        Notice::DiskFull => {
            "warning: the disk of the spool is nearly full; gave up the reserve, free some space"
                .to_owned()
        }
        Notice::DiskBack => "the disk of the spool has room again".to_owned(),
        Notice::Trouble(text) => format!("warning: {text}"),
    })
}

/// Known findings are counted without a word.
fn found_line(found: &Found) -> Option<String> {
    let word = match (found.new, found.regressed) {
        (_, true) => "seen again after its repair",
        (true, _) => "new finding",
        _ => return None,
    };
    let places = found.places.join(" / ");
    let cut = if found.partial { " (cut short)" } else { "" };
    let Found { fingerprint, headline, .. } = found;
    Some(format!("{word} {fingerprint}: {headline}{cut}: {places}"))
}
