//! Builds a Go command twice: as it ships, and with `-race`.
//!
//! In: a [`Plan`], the packages and the flags the user would give `go build`. Out: `bin/api`,
//! `bin/api-race` and beside the latter a [`Sidecar`] that says how it was built, so that `run` can
//! tell which build a finding belongs to. The user's tags, flags and environment are kept; the race
//! build has the tag `racecanary` besides. Binaries are built in a temporary folder next to their
//! place and renamed when they are whole: an interrupted build leaves the old ones alone.
//!
//! What surprises: tags are merged with those in `GOFLAGS`, which `go build -tags` alone would drop;
//! and the normal build says `-race=false` aloud, since `GOFLAGS` may say otherwise.
//!
//! Not here: running what was built (the rest of `supervise`). `light` chooses what a cheaper race
//! build leaves out. Start at [`build()`].

mod compile;
mod error;
mod flags;
mod go;
mod light;
mod output;
mod packages;
mod preflight;
mod revision;
mod sidecar;
mod verify;

pub use error::BuildError;
pub use output::Binary;
pub use revision::Revision;
pub use sidecar::{LeftOut, Sidecar};

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The build tag that race builds have and others have not.
pub const RACE_TAG: &str = "racecanary";

/// What to build and how.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Where `go` runs; relative packages and a relative `out` start here. Empty: the current folder.
    pub dir: PathBuf,
    /// Packages as `go build` takes them: `./cmd/api`, import paths, `./cmd/...`, files. Empty: `.`.
    pub packages: Vec<String>,
    /// A folder for the binaries, made if missing; for a single package also the name of its normal
    /// binary. Empty: `bin`.
    pub out: PathBuf,
    /// The `go` command to use, instead of the one on `PATH`.
    pub go: Option<PathBuf>,
    /// Build tags, joined with those in `GOFLAGS`.
    pub tags: Vec<String>,
    /// `-ldflags` values, in order (a later one wins, as with `go build`).
    pub ldflags: Vec<String>,
    /// `-gcflags` values (`[PATTERN=]FLAGS`), in order.
    pub gcflags: Vec<String>,
    /// Further flags for `go build` (`-trimpath`, `-mod=vendor`, `-buildmode=pie` …).
    pub extra: Vec<String>,
    /// Variables set for `go`, over those of this process.
    pub env: Vec<(OsString, OsString)>,
    /// Gives the normal build the tag `racecanary` too.
    pub racecanary_on_both: bool,
    /// Builds the race variant with `CGO_ENABLED=1` whatever the environment says.
    pub cgo_for_race: bool,
    /// Leaves instrumentation out of the race build where it costs most and tells least.
    pub light: Option<Light>,
    /// Which binaries are wanted.
    pub variants: Variants,
    /// Set to true from another thread, it ends the build: `go` and its children are killed.
    pub stop: Arc<AtomicBool>,
}

/// The choices of a light build.
#[derive(Clone, Debug, Default)]
pub struct Light {
    /// Packages (patterns as for `go list`) to instrument besides the user's own.
    pub instrument: Vec<String>,
}

/// Which binaries a build makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variants {
    /// The normal one and the race one.
    #[default]
    Both,
    /// The normal one.
    Normal,
    /// The race one.
    Race,
}

/// One of the two binaries of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As it ships.
    Normal,
    /// With `-race`.
    Race,
}

/// What happens during a build, for whoever waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The compiler is asked which packages a light build may leave out.
    Choosing,
    /// A variant is begun; so many packages may have to be compiled.
    Started(Variant, usize),
    /// A package was not cached and is compiled now; so many were before it.
    Compiling(Variant, String, usize),
    /// A line that `go` or the compiler printed for the user.
    Output(String),
    /// A variant is done.
    Finished(Variant, Duration),
    /// Something the user should know, which does not stop the build.
    Warning(String),
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// One for each main package.
    pub packages: Vec<BuiltPackage>,
    /// The Go release, as `1.26.8`.
    pub go_version: String,
    /// Whether the race binaries are light.
    pub light: bool,
    /// What a light build left out.
    pub left_out: Vec<LeftOut>,
}

/// One main package and its binaries.
#[derive(Clone, Debug)]
pub struct BuiltPackage {
    /// Its import path.
    pub import_path: String,
    /// The module it belongs to; empty outside modules.
    pub module: String,
    /// Which state of the source it is.
    pub revision: Revision,
    /// The binary as it ships.
    pub normal: Option<Binary>,
    /// The binary with the race detector in it.
    pub race: Option<Binary>,
    /// What was written beside the race binary.
    pub sidecar: Option<PathBuf>,
}

impl Variant {
    /// The word for it: `normal`, `race`.
    pub fn word(self) -> &'static str {
        match self {
            Variant::Normal => "normal",
            Variant::Race => "race",
        }
    }
}

impl Variants {
    fn includes(self, variant: Variant) -> bool {
        match self {
            Variants::Both => true,
            Variants::Normal => variant == Variant::Normal,
            Variants::Race => variant == Variant::Race,
        }
    }
}

/// Builds what `plan` says, telling `progress` how far it is.
///
/// # Errors
/// Everything that can be known before compiling is checked first (Go, its version, cgo, the C
/// compiler, the packages); a failure of the compiler has been passed to `progress` line by line.
pub fn build(plan: &Plan, progress: &mut dyn FnMut(Progress)) -> Result<Built, BuildError> {
    let flags = flags::UserFlags::of(plan)?;
    let go = go::Go::find(plan)?;
    let toolchain = preflight::toolchain(&go)?;
    let flags = flags.merged_with(&toolchain.goflags);
    if plan.variants.includes(Variant::Race) {
        preflight::can_race(&go, &toolchain, plan)?;
    }
    let mains = packages::mains(&go.for_race(plan), &flags, plan)?;
    let place = output::Place::prepare(plan, &go, &mains, &toolchain.goexe)?;
    compile::all(&compile::Job { plan, go, toolchain, flags, mains, place }, progress)
}

#[cfg(test)]
mod tests;
