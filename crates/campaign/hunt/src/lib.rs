//! The main job: build the service twice, run it, drive load at it, collect what the detector prints.
//!
//! In: a [`Plan`] and a way to reach the store. Out: an [`Outcome`]: which findings were seen and when, what load
//! each build held, how its process ended. The normal build gets a short run of the same load first (the
//! baseline), so that what the race build costs *here* is measured and not quoted; a normal build that
//! dies of a map fatal meanwhile is a finding like any other.
//!
//! Every process runs under `supervise`, so killing a hunt at any moment loses no report: the next `run`,
//! `hunt` or `findings` delivers what the spool still holds.
//!
//! Not here: storage (a [`Sink`] is handed in), flags and tables (the binary). Start at [`hunt`].

#![forbid(unsafe_code)]

mod outcome;
mod plan;
mod ready;
mod stage;
mod tally;

pub use outcome::{Outcome, SeenFinding, VariantOutcome};
pub use photofinish_supervise::Sink;
pub use plan::{Plan, Service};
pub use ready::{Place, PlaceError};

use photofinish_load::{LoadError, Snapshot, Stop, Summary};
use photofinish_supervise::build::{self, BuildError};
use photofinish_supervise::run::{Event, RunError};
use stage::{Ready, Stage};
use std::path::PathBuf;
use std::time::Duration;
use tally::Tally;

/// Which build of the service is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The normal build, for comparison.
    Stable,
    /// The build with the race detector.
    Race,
}

/// What happens during a hunt, for whoever watches.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The build goes on.
    Build(build::Progress),
    /// A variant was started, its output goes to this file.
    Starting(Variant, PathBuf),
    /// It answers, after so long.
    Ready(Variant, Duration),
    /// Load is driven at it; so many findings were seen until now.
    Load(Variant, &'a Snapshot<'a>, usize),
    /// Its supervisor has something to tell.
    Supervisor(Variant, &'a Event),
    /// It is being stopped.
    Stopping(Variant),
}

/// Why a hunt could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// The service's address cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Load could not be driven at it.
    #[error("cannot drive load at {url}")]
    Load {
        /// Where.
        url: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// It was built, but there is no binary to run.
    #[error("`{package}` is {n_commands} commands; hunt runs one")]
    NotOneCommand {
        /// What was to be built.
        package: String,
        /// How many main packages that names.
        n_commands: usize,
    },
    /// It ended before it answered.
    #[error("the {} build of {service} ended before it answered at {url}{}", variant.word(), tail_text(tail))]
    Ended {
        /// Which build.
        variant: Variant,
        /// The service.
        service: String,
        /// Where it should have answered.
        url: String,
        /// Its last lines.
        tail: String,
    },
    /// It runs, but does not answer.
    #[error("the {} build of {service} did not answer at {url} within {} s{}", variant.word(), waited.as_secs(), tail_text(tail))]
    NotReady {
        /// Which build.
        variant: Variant,
        /// The service.
        service: String,
        /// Where it should have answered.
        url: String,
        /// How long it was waited for.
        waited: Duration,
        /// Its last lines.
        tail: String,
    },
    /// A file of the hunt's own cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn tail_text(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; its last lines:\n{tail}") }
}

impl Variant {
    /// The word for it in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Variant::Stable => "stable",
            Variant::Race => "race",
        }
    }
}

impl HuntError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            HuntError::Place(error) => error.hint(),
            HuntError::Build(error) => error.hint(),
            HuntError::Run(error) => error.hint(),
            HuntError::Load { .. } | HuntError::Write { .. } => None,
            HuntError::NotOneCommand { .. } => Some("name one main package with --package".into()),
            HuntError::Ended { .. } => {
                Some("give it what it needs with --arg and --env, or in [service] of photofinish.toml".into())
            }
            HuntError::NotReady { .. } => Some(
                "check that --url is where it listens; --ready-timeout gives it more time, --ready another path".into(),
            ),
        }
    }
}

/// Makes the hunt that `plan` describes. `sink` gives access to the store, once for each variant that runs;
/// `stop` ends it early, with what was seen until then.
///
/// # Errors
/// See [`HuntError`]. Reports seen before an error are stored all the same.
pub fn hunt(
    plan: &Plan,
    sink: &mut dyn FnMut() -> Box<dyn Sink>,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, HuntError> {
    plan.service.check()?;
    let built = build::build(&plan.build, &mut |told| progress(Progress::Build(told)))?;
    let package = match built.packages.as_slice() {
        [package] => package.clone(),
        packages => {
            let package = plan.build.packages.join(" ");
            return Err(HuntError::NotOneCommand { package, n_commands: packages.len() });
        }
    };
    let tally = Tally::default();
    let mut variants = Vec::new();
    let wanted = [
        (Variant::Stable, package.normal, plan.baseline),
        (Variant::Race, package.race, plan.duration),
    ];
    for (variant, binary, duration) in wanted {
        let Some(binary) = binary.filter(|_| !duration.is_zero() && !stop.is_stopped()) else {
            continue;
        };
        let stage = Stage {
            plan,
            variant,
            binary: &binary,
            build_label: package.revision.label(),
            tally: &tally,
        };
        let ready = stage.start(sink(), progress)?;
        variants.push(drive(&stage, ready, duration, stop, progress)?);
    }
    Ok(Outcome {
        go_version: built.go_version.clone(),
        light: built.light,
        findings: tally.findings(),
        variants,
        built,
    })
}

/// Drives load at a variant that is ready, then stops it and takes what it still has to say.
fn drive(
    stage: &Stage<'_>,
    mut ready: Ready,
    duration: Duration,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<VariantOutcome, HuntError> {
    let plan = stage.plan;
    let variant = stage.variant;
    stage.tally.start(variant);
    let load_plan =
        photofinish_load::Plan { end: photofinish_load::End::After(duration), ..plan.load.clone() };
    let summary = photofinish_load::run(&load_plan, stop, |now| {
        for event in ready.events() {
            progress(Progress::Supervisor(variant, &event));
        }
        progress(Progress::Load(variant, now, stage.tally.len()));
    });
    progress(Progress::Stopping(variant));
    let outcome = ready.finish();
    let load: Summary = summary.map_err(|source| HuntError::Load {
        url: plan.service.place.url(""),
        source: Box::new(source),
    })?;
    Ok(VariantOutcome::new(stage, outcome?, load))
}

impl Outcome {
    /// The race build's part.
    pub fn race(&self) -> Option<&VariantOutcome> {
        self.variants.iter().find(|variant| variant.variant == Variant::Race)
    }

    /// The normal build's part.
    pub fn stable(&self) -> Option<&VariantOutcome> {
        self.variants.iter().find(|variant| variant.variant == Variant::Stable)
    }
}
