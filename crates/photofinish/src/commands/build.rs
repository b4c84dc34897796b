//! `photofinish build`: the normal and the race binary of a command, side by side.

use super::Format;
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use anyhow::Context;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use photofinish_supervise::build::{self, Built, BuiltPackage, Light, Plan, Progress, Variants};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// Commands to build, as for `go build`: ./cmd/api, import paths, ./cmd/...
    #[arg(default_value = ".")]
    packages: Vec<String>,
    /// Folder for the binaries (made if missing), or the name of the normal one
    #[arg(short, long, default_value = "bin/", value_name = "PATH")]
    output: PathBuf,
    /// Run in this folder; packages and -o start from it
    #[arg(short = 'C', long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A cheaper race build: the user's own code is instrumented, most dependencies are not
    #[arg(long)]
    light: bool,
    /// With --light: instrument these packages too (a pattern as for `go list`)
    #[arg(long, value_name = "PATTERN", requires = "light")]
    instrument: Vec<String>,
    /// Build tags, joined with those in GOFLAGS
    #[arg(long, value_name = "TAGS")]
    tags: Vec<String>,
    /// As for `go build`
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    ldflags: Vec<String>,
    /// As for `go build`: [PATTERN=]FLAGS
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    gcflags: Vec<String>,
    /// As for `go build`
    #[arg(long)]
    trimpath: bool,
    /// As for `go build`: mod, readonly or vendor
    #[arg(long = "mod", value_name = "MODE")]
    mode: Option<String>,
    /// The go command to use
    #[arg(long, value_name = "PATH", env = "PHOTOFINISH_GO")]
    go: Option<PathBuf>,
    /// Give the normal build the tag racecanary too
    #[arg(long)]
    racecanary_everywhere: bool,
    /// Switch cgo on for the race build, whatever CGO_ENABLED says
    #[arg(long)]
    cgo_for_race: bool,
    /// Which binaries to make
    #[arg(long, value_enum, default_value_t = Only::Both)]
    only: Only,
    /// How to print what was built
    #[arg(long, value_parser = super::text_or_json, default_value = "text")]
    format: Format,
    /// Further flags for `go build`
    #[arg(last = true, value_name = "GO BUILD FLAGS")]
    extra: Vec<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Only {
    Both,
    Normal,
    Race,
}

pub(crate) fn build(args: BuildArgs) -> anyhow::Result<ExitStatus> {
    let format = args.format;
    let plan = args.plan();
    // So that the compilers end and temporary files go.
    crate::signal::flag_on_first_interrupt(Arc::clone(&plan.stop))?;
    let mut teller = Teller::new();
    let built = build::build(&plan, &mut |progress| teller.tell(progress));
    teller.clear();
    let built = built.map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let mut out = anstream::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{:#}", as_json(&built)),
        _ => print(&mut out, &built),
    }
    .context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}

impl BuildArgs {
    fn plan(self) -> Plan {
        let mut extra = self.extra;
        extra.extend(self.trimpath.then(|| "-trimpath".to_owned()));
        extra.extend(self.mode.map(|mode| format!("-mod={mode}")));
        Plan {
            dir: self.dir.unwrap_or_default(),
            packages: self.packages,
            out: self.output,
            go: self.go,
            tags: self.tags,
            ldflags: self.ldflags,
            gcflags: self.gcflags,
            extra,
            racecanary_on_both: self.racecanary_everywhere,
            cgo_for_race: self.cgo_for_race,
            light: self.light.then_some(Light { instrument: self.instrument }),
            variants: match self.only {
                Only::Both => Variants::Both,
                Only::Normal => Variants::Normal,
                Only::Race => Variants::Race,
            },
            ..Plan::default()
        }
    }
}

/// Tells a terminal, or a log, how far the build is.
struct Teller {
    bar: ProgressBar,
    live: bool,
}

impl Teller {
    fn new() -> Teller {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        let live = !bar.is_hidden();
        Teller { bar, live }
    }

    fn tell(&mut self, progress: Progress) {
        match progress {
            Progress::Choosing => self.now("light: asking the compiler what can be left out"),
            Progress::Started(variant, _) => self.now(&format!("{} build", variant.word())),
            Progress::Compiling(variant, package, n) if self.live => {
                self.bar.set_message(format!("{} build: {n} compiled, {package}", variant.word()));
            }
            Progress::Compiling(..) | Progress::Finished(..) => {}
            Progress::Output(line) => self.line(&line),
            Progress::Warning(warning) => self.line(&format!("warning: {warning}")),
        }
    }

    fn now(&self, what: &str) {
        match self.live {
            true => self.bar.set_message(what.to_owned()),
            false => self.line(&format!("photofinish: {what}")),
        }
    }

    fn line(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        });
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn print(out: &mut dyn Write, built: &Built) -> std::io::Result<()> {
    let light = match built.left_out.len() {
        _ if !built.light => "full".to_owned(),
        n => format!("light, {n} packages left out: confirm its findings in a full build"),
    };
    let here = std::env::current_dir().unwrap_or_default();
    for package in &built.packages {
        let version = package.revision.label().map(|label| format!(" {label}")).unwrap_or_default();
        writeln!(out, "{}{version} (Go {})", package.import_path, built.go_version)?;
        for (binary, kind) in [(&package.normal, "normal"), (&package.race, &light)] {
            let Some(binary) = binary else { continue };
            let path = binary.path.strip_prefix(&here).unwrap_or(&binary.path).display();
            let (size, took) = (HumanBytes(binary.size), binary.took.as_secs_f64());
            let race = if kind == "normal" { "" } else { "race, " };
            writeln!(out, "  {path}  {size}  {took:.1} s  {race}{kind}")?;
        }
    }
    Ok(())
}

fn as_json(built: &Built) -> serde_json::Value {
    let binary = |binary: &Option<build::Binary>| {
        binary.as_ref().map(|binary| {
            serde_json::json!({
                "path": binary.path,
                "size": binary.size,
                "took_ms": u64::try_from(binary.took.as_millis()).unwrap_or(u64::MAX),
            })
        })
    };
    let package = |package: &BuiltPackage| {
        serde_json::json!({
            "package": package.import_path,
            "module": package.module,
            "version": package.revision.label(),
            "revision": package.revision.commit,
            "dirty": package.revision.dirty,
            "normal": binary(&package.normal),
            "race": binary(&package.race),
            "sidecar": package.sidecar,
        })
    };
    serde_json::json!({
        "go_version": built.go_version,
        "light": built.light,
        "left_out": built.left_out,
        "packages": built.packages.iter().map(package).collect::<Vec<_>>(),
    })
}
