//! The two runs of `go build`, the light one with its proof, and what is made of them.
//!
//! A light build that cannot be made, or does not look as it should, becomes a full one with a
//! warning: what is asked for is a race build first.

use super::flags::UserFlags;
use super::go::Go;
use super::light::{self, Choice, Listener};
use super::output::{Binary, Place};
use super::packages::{self, Main};
use super::preflight::{NEWEST_TRIED, Toolchain};
use super::{
    BuildError, Built, BuiltPackage, LeftOut, Light, Plan, Progress, Revision, Sidecar, Variant,
    verify,
};
use std::time::{Duration, Instant};

/// How often a light build may be corrected by what it tells.
const CORRECTIONS: usize = 3;

/// Everything that is settled before the first compilation.
pub(super) struct Job<'a> {
    pub(super) plan: &'a Plan,
    pub(super) go: Go,
    pub(super) toolchain: Toolchain,
    pub(super) flags: UserFlags,
    pub(super) mains: Vec<Main>,
    pub(super) place: Place,
}

/// A finished variant, still in the temporary folder.
#[derive(Default)]
struct Done {
    took: Duration,
    left_out: Option<Vec<LeftOut>>,
}

/// Builds the variants and moves them to their places.
pub(super) fn all(job: &Job, progress: &mut dyn FnMut(Progress)) -> Result<Built, BuildError> {
    let wanted = |variant| job.plan.variants.includes(variant);
    let mut normal = None;
    if wanted(Variant::Normal) {
        let began = Instant::now();
        job.compile(Variant::Normal, None, progress)?;
        normal = Some(Done { took: began.elapsed(), left_out: None });
    }
    let mut race = None;
    if wanted(Variant::Race) {
        if job.flags.pie() {
            let warning = "-buildmode=pie is for the normal build alone: -race does without";
            progress(Progress::Warning(warning.into()));
        }
        let began = Instant::now();
        let left_out = match &job.plan.light {
            Some(light) => job.compile_light(light, progress)?,
            None => job.compile(Variant::Race, None, progress).map(|_| None)?,
        };
        race = Some(Done { took: began.elapsed(), left_out });
    }
    let mut packages = Vec::new();
    for main in &job.mains {
        packages.push(job.publish(main, normal.as_ref(), race.as_ref())?);
    }
    let left_out = race.and_then(|race| race.left_out);
    Ok(Built {
        packages,
        go_version: job.toolchain.version().to_owned(),
        light: left_out.is_some(),
        left_out: left_out.unwrap_or_default(),
    })
}

impl Job<'_> {
    fn go_for(&self, variant: Variant) -> Go {
        match variant {
            Variant::Race => self.go.for_race(self.plan),
            Variant::Normal => self.go.clone(),
        }
    }

    /// Tries a light build; `None` if it became a full one.
    fn compile_light(
        &self,
        light: &Light,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Vec<LeftOut>>, BuildError> {
        match self.try_light(light, progress) {
            Ok(left_out) => return Ok(Some(left_out)),
            Err(BuildError::Stopped) => return Err(BuildError::Stopped),
            Err(error) => progress(Progress::Warning(format!(
                "no light build with Go {}: {error}; making a full one",
                self.toolchain.version()
            ))),
        }
        self.compile(Variant::Race, None, progress)?;
        Ok(None)
    }

    fn try_light(
        &self,
        light: &Light,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<LeftOut>, BuildError> {
        if self.toolchain.minor().is_none_or(|minor| minor > NEWEST_TRIED) {
            progress(Progress::Warning(format!(
                "light builds were tried with Go 1.21 to 1.{NEWEST_TRIED}, this is {}",
                self.toolchain.version()
            )));
        }
        progress(Progress::Choosing);
        let go = self.go_for(Variant::Race);
        let mut n_compiled = 0;
        let mut choice = light::choose(&go, &self.flags, self.plan, light, &mut |line| {
            if is_package(&line) {
                progress(Progress::Compiling(Variant::Race, line, n_compiled));
                n_compiled += 1;
            }
        })?;
        for _ in 0..CORRECTIONS {
            let listener = self.compile(Variant::Race, Some(&choice), progress)?;
            if !choice.learn(&listener) {
                verify::looks_light(&go, &self.flags, self.plan, &choice)?;
                return Ok(choice.left_out());
            }
        }
        Err(BuildError::NotLight { reason: "the compiler keeps contradicting itself".into() })
    }

    /// Runs `go build` for one variant.
    fn compile(
        &self,
        variant: Variant,
        choice: Option<&Choice>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Listener, BuildError> {
        let began = Instant::now();
        progress(Progress::Started(variant, self.mains.len()));
        let mut args = vec!["build".to_owned(), "-v".into(), "-o".into()];
        args.push(format!("{}/", self.place.folder(variant).display()));
        let gcflags = choice.map(Choice::gcflags).unwrap_or_default();
        args.extend(self.flags.args(variant, &gcflags));
        args.push("--".into());
        args.extend(packages::named(self.plan));
        let (mut listener, mut n_compiled, mut cgo) = (Listener::default(), 0, false);
        let ended = self.go_for(variant).run(&args, &mut |line| {
            for line in listener.hear(line) {
                if is_package(&line) {
                    progress(Progress::Compiling(variant, line, n_compiled));
                    n_compiled += 1;
                } else {
                    cgo |= line.starts_with("# runtime/cgo") || line.contains("cgo: C compiler");
                    progress(Progress::Output(line));
                }
            }
        })?;
        if !ended.status.success() {
            let packages: Vec<&str> = self.mains.iter().map(|m| m.import_path.as_str()).collect();
            let packages = packages.join(", ");
            return Err(BuildError::Compile { variant: variant.word(), packages, cgo });
        }
        progress(Progress::Finished(variant, began.elapsed()));
        Ok(listener)
    }

    /// Moves the binaries of one command to their places, and writes the sidecar.
    fn publish(
        &self,
        main: &Main,
        normal: Option<&Done>,
        race: Option<&Done>,
    ) -> Result<BuiltPackage, BuildError> {
        let any = if race.is_some() { Variant::Race } else { Variant::Normal };
        let revision = Revision::of(&self.go, &self.place.built(main, any), &main.dir);
        let module = main.module.as_ref().map(|module| module.path.clone()).unwrap_or_default();
        let normal = normal.map(|done| self.move_out(main, Variant::Normal, done)).transpose()?;
        let mut sidecar = None;
        let race = match race {
            Some(done) => {
                let path = self.place.path(main, Variant::Race);
                sidecar = Some(Sidecar::path(&path));
                self.write_sidecar(main, &module, &revision, done)?;
                Some(self.move_out(main, Variant::Race, done)?)
            }
            None => None,
        };
        let import_path = main.import_path.clone();
        Ok(BuiltPackage { import_path, module, revision, normal, race, sidecar })
    }

    fn move_out(&self, main: &Main, variant: Variant, done: &Done) -> Result<Binary, BuildError> {
        let (from, path) = (self.place.built(main, variant), self.place.path(main, variant));
        let size = size_of(&from)?;
        self.place.publish(&from, &path)?;
        Ok(Binary { path, size, took: done.took })
    }

    fn write_sidecar(
        &self,
        main: &Main,
        module: &str,
        revision: &Revision,
        done: &Done,
    ) -> Result<(), BuildError> {
        let built = self.place.built(main, Variant::Race);
        let sidecar = Sidecar {
            light: done.left_out.is_some(),
            go_version: self.toolchain.version().to_owned(),
            platform: self.toolchain.platform(),
            module: module.to_owned(),
            package: main.import_path.clone(),
            version: revision.label(),
            revision: revision.commit.clone(),
            dirty: revision.dirty,
            tags: self.flags.tags_of(Variant::Race),
            ldflags: self.flags.ldflags.clone(),
            gcflags: self.flags.gcflags.clone(),
            size: size_of(&built)?,
            left_out: done.left_out.clone().unwrap_or_default(),
        };
        let from = Sidecar::path(&built);
        let json = serde_json::to_vec_pretty(&sidecar)
            .map_err(|cause| BuildError::Write { path: from.clone(), cause: cause.into() })?;
        std::fs::write(&from, json)
            .map_err(|cause| BuildError::Write { path: from.clone(), cause })?;
        self.place.publish(&from, &Sidecar::path(&self.place.path(main, Variant::Race)))
    }
}

fn size_of(path: &std::path::Path) -> Result<u64, BuildError> {
    let meta = path.metadata();
    meta.map(|meta| meta.len()).map_err(|cause| BuildError::Write { path: path.to_owned(), cause })
}

/// Whether a line of `go build -v` is the name of a package that is compiled now.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.contains([':', ' ', '\t'])
}
