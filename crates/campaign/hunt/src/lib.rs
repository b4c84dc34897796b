//! The main job: build the service twice, run it, drive load at it, collect what the detector prints.
//!
//! In: a [`Plan`] and a way to reach the store. Out: an [`Outcome`]: which findings were seen, by whom and when, what
//! load was held, how each process ended. The normal build gets a short run of the load straight (the
//! baseline), so that what everything else costs *here* is measured and not quoted. Then three processes run
//! behind our proxy at once, on the service's port: the normal build, a race build that answers a share of
//! the requests (canary), and another that gets a copy of them (mirror). A normal build that dies of a map
//! fatal meanwhile is a finding like any other, and `catch` looks at it from outside.
//!
//! A service of which two cannot run side by side is hunted one build after the other ([`Ways::Alone`]).
//!
//! Every process runs under `supervise`, so killing a hunt at any moment loses no report: the next `run`,
//! `hunt` or `findings` delivers what the spool still holds.
//!
//! Not here: storage (a [`Sink`] is handed in), flags and tables (the binary). Start at [`hunt`], then
//! `together`.

#![forbid(unsafe_code)]

mod alone;
mod catching;
mod drive;
mod error;
mod front;
mod outcome;
mod plan;
mod ports;
mod queue;
mod ready;
mod stage;
mod tally;
mod together;

pub use drive::moved;
pub use error::HuntError;
pub use outcome::{
    CatchOutcome, JobsOutcome, Outcome, SeenBy, SeenFinding, Through, VariantOutcome,
};
pub use photofinish_pool::Sinks;
pub use photofinish_proxy::compare::{Differing, Values};
pub use photofinish_proxy::plan::Share;
pub use photofinish_supervise::Sink;
pub use plan::{CatchCommand, Compared, Jobs, Plan, Proxied, Service, Ways};
pub use ready::{Place, PlaceError};

use photofinish_load::{Snapshot, Stop};
use photofinish_proxy::Status;
use photofinish_supervise::build;
use photofinish_supervise::run::Event;
use std::path::PathBuf;
use std::time::Duration;
use tally::Tally;

/// Which process of the service is meant, or who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variant {
    /// The normal build.
    Stable,
    /// The build with the race detector that answers a share of the requests.
    Canary,
    /// The build with the race detector that gets a copy of them.
    Mirror,
    /// The build with the race detector, alone with the whole load.
    Race,
    /// `catch`, which looks at the normal build from outside.
    Catch,
    /// The workers of the queue built with the race detector.
    Jobs,
}

/// What happens during a hunt, for whoever watches.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The build goes on.
    Build(build::Progress),
    /// A variant was started, its output goes to this file.
    Starting(Variant, PathBuf),
    /// It answers at this place, after so long.
    Ready(Variant, &'a Place, Duration),
    /// The proxy has these behind it.
    Proxied(&'a [Variant]),
    /// Load is driven; so many findings were seen until now.
    Load(Target<'a>, &'a Snapshot<'a>, usize),
    /// A variant's supervisor has something to tell.
    Supervisor(Variant, &'a Event),
    /// The proxy has something to tell.
    Proxy(&'a photofinish_proxy::Event),
    /// The mirror's answers differ here from those that callers got: `GET /orders/{} answers differently at body`.
    Differs(&'a str),
    /// Everything is being stopped.
    Stopping,
}

/// Where load is driven at.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// One build, straight.
    Build(Variant),
    /// The proxy, which has counted this.
    Proxy(&'a Status),
}

/// Told of every answer of the mirror that differs from the one a caller got, from a thread of its own.
/// Dropped when the hunt's traffic has ended; what it still holds must be recorded by then.
pub type Tell = Box<dyn Fn(&Differing, Values) + Send>;

/// How a hunt reaches the store.
pub trait Keep {
    /// A way into the store, for each variant that runs.
    fn sink(&mut self) -> Box<dyn Sink>;

    /// Ways into the store for workers of this queue, made as workers are started.
    fn job_sinks(&mut self, queue: &photofinish_jobs::Plan) -> Sinks;

    /// Somebody who makes findings of answers that differ, and delivers them into `sink` as seen in `build`.
    ///
    /// # Errors
    /// The machine gives no thread for it.
    fn differences(&mut self, sink: Box<dyn Sink>, build: Option<&str>) -> std::io::Result<Tell>;
}

impl Variant {
    /// The word for it in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Variant::Stable => "stable",
            Variant::Canary => "canary",
            Variant::Mirror => "mirror",
            Variant::Race => "race",
            Variant::Catch => "catch",
            Variant::Jobs => "jobs",
        }
    }

    /// The role its findings are filed under.
    fn source(self) -> &'static str {
        match self {
            Variant::Stable | Variant::Race => "load",
            Variant::Canary => "canary",
            Variant::Mirror => "mirror",
            Variant::Catch => "catch",
            Variant::Jobs => "jobs",
        }
    }
}

/// Makes the hunt that `plan` describes. `keep` gives access to the store; `stop` ends it early, with what was
/// seen until then.
///
/// # Errors
/// See [`HuntError`]. Reports seen before an error are stored all the same.
pub fn hunt(
    plan: &Plan,
    keep: &mut dyn Keep,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, HuntError> {
    plan.service.check()?;
    let built = build::build(&plan.build, &mut |told| progress(Progress::Build(told)))?;
    let package = the_command(&built, &plan.build)?;
    let workers = match &plan.jobs {
        Some(jobs) => {
            let built = build::build(&jobs.build, &mut |told| progress(Progress::Build(told)))?;
            Some((jobs, the_command(&built, &jobs.build)?))
        }
        None => None,
    };
    let jobs = workers.as_ref().map(|(jobs, package)| (*jobs, package));
    let tally = Tally::default();
    let mut field = Field { plan, package: &package, jobs, tally: &tally, keep, stop, progress };
    let Ran { variants, through, catch, jobs } = match &plan.ways {
        Ways::Alone => field.alone()?,
        Ways::Proxied(proxied) => field.together(proxied)?,
    };
    Ok(Outcome {
        go_version: built.go_version.clone(),
        light: built.light,
        findings: tally.findings(),
        variants,
        through,
        catch,
        jobs,
        built,
    })
}

/// The one main package that was built.
fn the_command(built: &build::Built, plan: &build::Plan) -> Result<build::BuiltPackage, HuntError> {
    match built.packages.as_slice() {
        [package] => Ok(package.clone()),
        packages => {
            let package = plan.packages.join(" ");
            Err(HuntError::NotOneCommand { package, n_commands: packages.len() })
        }
    }
}

/// What became of everything that ran.
#[derive(Default)]
struct Ran {
    variants: Vec<VariantOutcome>,
    through: Option<Through>,
    catch: Option<CatchOutcome>,
    jobs: Option<JobsOutcome>,
}

/// Where a hunt takes place: everything its parts need of each other.
struct Field<'a> {
    plan: &'a Plan,
    package: &'a build::BuiltPackage,
    /// The queue, and its workers.
    jobs: Option<(&'a Jobs, &'a build::BuiltPackage)>,
    tally: &'a Tally,
    keep: &'a mut dyn Keep,
    stop: &'a Stop,
    progress: &'a mut dyn FnMut(Progress<'_>),
}
