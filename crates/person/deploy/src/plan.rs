//! What the cluster is asked for: plain data, checked once. The binary fills it from `photofinish.toml`.
//!
//! Keys in errors are those of the file, so that whoever reads them can be led to the line.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What passes traffic on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any implementation of the Gateway API: `HTTPRoute`.
    GatewayApi,
    /// Istio: `VirtualService`.
    Istio,
    /// ingress-nginx: `Ingress` with annotations.
    NginxIngress,
}

/// How the canary gets its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The route has weights: exact, whatever the number of pods.
    Weights,
    /// One Service over all pods: N of M pods get about N of M requests.
    Replicas,
}

/// What is applied together with the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A race build that answers a share of the requests.
    Canary,
    /// A race build that gets copies.
    Mirror,
    /// Race-built workers of a queue.
    Jobs,
    /// `catch` beside the normal build.
    Catch,
    /// `serve`: the page and the collector.
    Serve,
}

impl Part {
    /// Its name, which is that of its overlay.
    pub fn name(self) -> &'static str {
        match self {
            Part::Canary => "canary",
            Part::Mirror => "mirror",
            Part::Jobs => "jobs",
            Part::Catch => "catch",
            Part::Serve => "serve",
        }
    }

    /// What it comes to with `plan`, in a few words.
    pub fn about(self, plan: &Plan) -> String {
        match self {
            Part::Canary => {
                let canary = &plan.canary;
                match canary.split {
                    Split::Weights => {
                        format!("{} of the requests, {} pods", canary.share, canary.replicas)
                    }
                    Split::Replicas => format!(
                        "{} of {} pods",
                        canary.replicas,
                        canary.replicas + plan.stable.replicas
                    ),
                }
            }
            Part::Mirror => match &plan.mirror {
                Some(mirror) if mirror.windows.is_empty() => {
                    format!("copies of {} of the requests", mirror.share)
                }
                Some(mirror) => format!("copies of {} of the requests, at its hours", mirror.share),
                None => String::new(),
            },
            Part::Jobs => plan.jobs.as_ref().map_or_else(String::new, |jobs| {
                format!("one of each {} jobs, {} to {} workers", jobs.every, jobs.least, jobs.most)
            }),
            Part::Catch => "looks at the normal build".to_owned(),
            Part::Serve => "the page and the collector".to_owned(),
        }
    }

    pub(crate) fn has_race_build(self) -> bool {
        matches!(self, Part::Canary | Part::Mirror | Part::Jobs)
    }
}

/// A share, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    /// Everything.
    pub const ALL: Share = Share(1_000_000);

    /// As `(part, whole)` in the smallest power of ten from 100 on that has it exactly.
    pub(crate) fn parts(self) -> (u32, u32) {
        let mut whole = 100;
        while whole < 1_000_000 && !self.0.is_multiple_of(1_000_000 / whole) {
            whole *= 10;
        }
        (self.0 / (1_000_000 / whole), whole)
    }

    pub(crate) fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = format!("{:.4}", self.fraction() * 100.0);
        write!(f, "{} %", percent.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Everything that is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What passes traffic on.
    pub target: Target,
    /// The service; its objects are named after it.
    pub service: String,
    /// The namespace of all objects.
    pub namespace: String,
    /// The images.
    pub images: Images,
    /// The file of the normal binary in its image; the race build is beside it, with `-race` behind its name.
    pub binary: String,
    /// The service's arguments; `{port}` stands for `port`.
    pub args: Vec<String>,
    /// Its environment; the same.
    pub env: BTreeMap<String, String>,
    /// Secrets that it gets as environment.
    pub secrets: Vec<String>,
    /// Where it listens in its pod.
    pub port: u16,
    /// The path that answers once it is ready; without it, accepting connections is enough.
    pub ready: Option<String>,
    /// How long a race build may take to become ready.
    pub ready_timeout: Duration,
    /// The path of its own figures.
    pub metrics: Option<String>,
    /// The normal build.
    pub stable: Stable,
    /// How many times the CPU of the normal build a race build takes, if it was measured.
    pub cpu_ratio: Option<f64>,
    /// And the memory.
    pub memory_ratio: Option<f64>,
    /// The Gateway (`namespace/name`), or the class of an Ingress.
    pub gateway: Option<String>,
    /// The host names of its traffic.
    pub hosts: Vec<String>,
    /// Options for GORACE, over the ones that `run` chooses.
    pub gorace: Option<String>,
    /// The canary.
    pub canary: Canary,
    /// The mirror; `None` where the target cannot do what is asked.
    pub mirror: Option<Mirror>,
    /// The queue.
    pub jobs: Option<Jobs>,
    /// A `serve` elsewhere that findings are sent to; without it one is written.
    pub to: Option<String>,
    /// The store of the `serve` that is written, if the file names one; else a Secret does.
    pub store: Option<String>,
    /// What catch may spend, as a flag: `1%`.
    pub catch_budget: String,
    /// What `photofinish build` is told in the Dockerfile: the package and flags.
    pub build: Vec<String>,
    /// The same for the worker, if it is another program.
    pub worker_build: Option<Vec<String>>,
    /// The Go version of the Dockerfile.
    pub go: String,
}

/// The images; each has a version.
#[derive(Clone, Debug)]
pub struct Images {
    /// Of the normal build.
    pub stable: String,
    /// Of the race build, with photofinish in it.
    pub race: String,
    /// Of the race-built worker, with photofinish in it.
    pub worker: String,
    /// Of photofinish alone.
    pub photofinish: String,
}

/// The normal build as it runs today.
#[derive(Clone, Debug)]
pub struct Stable {
    /// How many pods.
    pub replicas: u32,
    /// What each requests, in thousandths of a processor.
    pub cpu_millis: u64,
    /// In bytes.
    pub memory: u64,
}

/// A race build that answers a share of the requests.
#[derive(Clone, Debug)]
pub struct Canary {
    /// The share.
    pub share: Share,
    /// How it gets it.
    pub split: Split,
    /// How many pods.
    pub replicas: u32,
}

/// A race build that gets copies of requests.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Of what the rules allow.
    pub share: Share,
    /// The first that fits decides; what none fits is copied if it is GET, HEAD or OPTIONS.
    pub rules: Vec<Rule>,
    /// When it runs; always without windows.
    pub windows: Vec<Window>,
    /// Their time zone, of the IANA database.
    pub timezone: Option<String>,
    /// Whom it may reach besides DNS and the collector.
    pub egress: Vec<Reach>,
    /// Secrets that it gets as environment; never those of the normal build.
    pub secrets: Vec<String>,
}

/// Which requests are copied.
#[derive(Clone, Debug)]
pub struct Rule {
    /// All when there are none.
    pub methods: Vec<String>,
    /// With `*` for anything.
    pub path: String,
    /// Whether.
    pub copy: bool,
}

/// A cron line that begins, and one that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// As in the file: `0 22 * * 1-5 for 8h`.
    pub text: String,
    /// When it begins.
    pub start: String,
    /// When it ends.
    pub end: String,
}

/// Somebody who may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Who.
    pub destination: Destination,
    /// At which TCP port.
    pub port: u16,
}

/// Who may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Addresses.
    Cidr(String),
    /// Pods of the same namespace by their label `app`.
    App(String),
}

/// A queue of which race-built workers get a share.
#[derive(Clone, Debug)]
pub struct Jobs {
    /// The table `[jobs]` for the sampler and the workers, without the broker's address.
    pub toml: String,
    /// What keeps the jobs, as the file names it.
    pub broker: &'static str,
    /// The worker and its arguments, with `{url}` where the broker's address belongs.
    pub command: Vec<String>,
    /// Its environment; the same.
    pub env: BTreeMap<String, String>,
    /// One of so many jobs.
    pub every: u32,
    /// Workers that run always.
    pub least: u32,
    /// At most.
    pub most: u32,
    /// Jobs that may wait for each.
    pub lag: u64,
    /// How long one has to be too many before it is ended.
    pub idle: Duration,
    /// What one may use, if the file says so.
    pub memory: Option<u64>,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
}

/// Something that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct PlanError {
    /// The key in the file.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    hint: Option<String>,
}

impl PlanError {
    pub(crate) fn new(key: &str, problem: impl Into<String>, hint: impl Into<String>) -> PlanError {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        PlanError { key: key.to_owned(), problem: problem.into(), hint }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl Plan {
    /// The parts that there are to apply.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::Canary];
        parts.extend(self.mirror.is_some().then_some(Part::Mirror));
        parts.extend(self.jobs.is_some().then_some(Part::Jobs));
        parts.push(Part::Catch);
        parts.extend(self.to.is_none().then_some(Part::Serve));
        parts
    }

    /// The pods among which a canary by replicas gets its share, and that share.
    pub(crate) fn replica_share(&self) -> (u32, u32, f64) {
        let (race, all) = (self.canary.replicas, self.canary.replicas + self.stable.replicas);
        (race, all, f64::from(race) / f64::from(all.max(1)))
    }
}
