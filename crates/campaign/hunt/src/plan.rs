//! What to hunt: the service, how it is built and run, which ways it is watched, what load is driven, for how long.

use crate::ready::{Place, PlaceError};
use photofinish_proxy::plan::Share;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// One hunt.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program under test.
    pub service: Service,
    /// How it is built, normally and with `-race`.
    pub build: photofinish_supervise::build::Plan,
    /// How the race build gets its traffic.
    pub ways: Ways,
    /// GORACE options over the ones chosen.
    pub gorace: Option<String>,
    /// What a race build may use, in bytes; decides `history_size`.
    pub memory: Option<u64>,
    /// Where reports wait until the store has them.
    pub spool: photofinish_supervise::spool::Spool,
    /// The folder the service runs in.
    pub folder: PathBuf,
    /// Put in front of the service's command; see `supervise::run::Plan::launcher`.
    pub launcher: Vec<OsString>,
    /// What ends workers of a queue that go on after we were killed; see `pool::Plan::guard`.
    pub guard: Vec<OsString>,
    /// The requests and how many at a time; how long is set by the hunt.
    pub load: photofinish_load::Plan,
    /// What looks for races in the normal build while it serves: a command as `photofinish catch --format jsonl`, the
    /// number of the process is put behind it. None: nobody does.
    pub catch: Option<CatchCommand>,
    /// The queue whose workers are hunted beside the service.
    pub jobs: Option<Jobs>,
    /// How long the whole load is driven.
    pub duration: Duration,
    /// How long load is driven straight at the normal build before, to compare with. Zero: not at all.
    pub baseline: Duration,
}

/// A queue: a race-built worker of it gets some of the jobs, a normal one the others.
#[derive(Clone, Debug)]
pub struct Jobs {
    /// The queue, and how many of the jobs.
    pub queue: photofinish_jobs::Plan,
    /// How the worker is built.
    pub build: photofinish_supervise::build::Plan,
    /// Its name in findings.
    pub name: String,
    /// Arguments of a worker; `{queue}` stands for the queue that it reads, `{url}` for where the broker is.
    pub work: Vec<String>,
    /// Arguments with which the same program writes some jobs and ends, again and again while load is driven;
    /// none where the service itself is the producer.
    pub produce: Vec<String>,
    /// Added to its environment; both work here too.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in.
    pub folder: PathBuf,
}

/// How the race build gets its traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Ways {
    /// Behind our proxy, together with the normal build, all at once.
    Proxied(Proxied),
    /// Alone with the whole load, after the normal build: for a service of which two cannot run side by side.
    Alone,
}

/// The builds behind the proxy. The normal build answers what nothing else does.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxied {
    /// How many of the requests a race build answers. None: there is no canary.
    pub canary: Share,
    /// How many of the requests another race build gets a copy of, whatever their method. None: there
    /// is no mirror.
    pub mirror: Share,
    /// What of the mirror's answers is compared with those that callers got.
    pub compare: Option<Compared>,
    /// Any request may be sent to the normal build after the canary failed it in the middle, a `POST` too:
    /// our own requests are marked so. Then the canary's end costs no caller an answer.
    pub resend: bool,
    /// How long, after a crash, the next start of a race build waits for somebody to acknowledge its
    /// findings. Zero: not at all.
    pub gate: Duration,
}

/// What of two answers is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Whether both are JSON where they say so: the builds have each a state of their own, so their values
    /// may differ rightly, but broken JSON is broken.
    Shape,
    /// Everything: right for a service whose answers depend on the request alone.
    Values,
}

/// The Go service: where it listens and how it is started.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name in findings.
    pub name: String,
    /// Its arguments; `{port}` stands for the port.
    pub args: Vec<String>,
    /// Added to its environment; `{port}` stands for the port.
    pub env: BTreeMap<String, String>,
    /// Where callers find it.
    pub place: Place,
    /// The path that answers once it is ready; without it, accepting connections is enough.
    pub ready: Option<String>,
    /// How long it may take to become ready.
    pub ready_timeout: Duration,
}

impl Service {
    /// Its arguments, for a build that listens at `place`.
    pub fn args_at(&self, place: &Place) -> Vec<String> {
        self.args.iter().map(|arg| fill(arg, place)).collect()
    }

    /// Its environment, for a build that listens at `place`.
    pub fn env_at(&self, place: &Place) -> Vec<(String, String)> {
        self.env.iter().map(|(name, value)| (name.clone(), fill(value, place))).collect()
    }

    /// Whether it can be told where to listen, so that several of it run side by side.
    pub fn takes_a_port(&self) -> bool {
        self.args.iter().chain(self.env.values()).any(|text| text.contains(PORT))
    }

    /// Refuses to start where somebody else listens.
    pub fn check(&self) -> Result<(), PlaceError> {
        self.place.must_be_free()
    }
}

impl Proxied {
    /// Race builds that run.
    pub(crate) fn n_race_builds(&self) -> u64 {
        u64::from(self.canary != Share::NONE) + u64::from(self.mirror != Share::NONE)
    }
}

impl Default for Proxied {
    fn default() -> Self {
        Proxied {
            canary: Share::ppm(250_000),
            mirror: Share::ALL,
            compare: Some(Compared::Shape),
            resend: true,
            gate: Duration::from_millis(250),
        }
    }
}

const PORT: &str = "{port}";

fn fill(text: &str, place: &Place) -> String {
    text.replace(PORT, &place.port.to_string())
}

/// A command that is started for each process of the normal build.
#[derive(Clone, Debug)]
pub struct CatchCommand {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Beside our environment: what is secret, and must not stand where every process of the machine can read it.
    pub env: Vec<(OsString, OsString)>,
}
