//! What can go wrong with a build, and what to do about it.

use std::path::PathBuf;

/// Why there is no binary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of each says what its fields are")]
pub enum BuildError {
    /// There is no `go` to run.
    #[error("cannot find the go command ({tried})")]
    NoGo { tried: String },
    /// `go` is there and cannot be run.
    #[error("cannot run {}", go.display())]
    Run {
        go: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// The folder to build in is not there.
    #[error("cannot build in {}", dir.display())]
    Dir {
        dir: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// `go` is older than what we know how to use.
    #[error("{} is Go {version}, and 1.21 is the oldest that works", go.display())]
    OldGo { go: PathBuf, version: String },
    /// cgo is switched off.
    #[error("cgo is off (CGO_ENABLED=0), and the race detector needs it on {platform}")]
    CgoOff { platform: String },
    /// The C compiler that `go env CC` names is not there.
    #[error("cannot find the C compiler `{compiler}`, which the race detector needs")]
    NoCompiler { compiler: String },
    /// There is no race detector for this system.
    #[error("Go {version} has no race detector for {platform}")]
    Platform { platform: String, version: String },
    /// A package that is not there, or does not load.
    #[error("cannot load package {package}: {reason}")]
    Package { package: String, reason: String },
    /// A package without a `main`.
    #[error("{package} is package {name}, not a command")]
    NotMain { package: String, name: String, mains: Vec<String> },
    /// A pattern under which there is no command.
    #[error("no command among {packages}")]
    NoMains { packages: String, mains: Vec<String> },
    /// Two commands with one name.
    #[error("{first} and {second} would both be {}", binary.display())]
    SameName { first: String, second: String, binary: PathBuf },
    /// A flag that is ours to give.
    #[error("`{flag}` cannot be passed on to go build")]
    Flag { flag: String, instead: &'static str },
    /// `go` failed at something other than compiling.
    #[error("`go {command}` failed: {reason}")]
    Go { command: String, reason: String },
    /// The compiler or linker refused; its own words have been printed.
    #[error("the {variant} build of {packages} failed")]
    Compile { variant: &'static str, packages: String, cgo: bool },
    /// A light build does not look like one.
    #[error("{reason}")]
    NotLight { reason: String },
    /// The stop flag was set.
    #[error("the build was interrupted")]
    Stopped,
    /// A file or folder of the output.
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// What `go` printed is not what it should be.
    #[error("cannot read what `go {command}` printed")]
    Parse {
        command: String,
        #[source]
        cause: serde_json::Error,
    },
}

impl BuildError {
    /// What to do next, if it is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            BuildError::NoGo { .. } => {
                "install Go 1.22 or newer (https://go.dev/dl) and put it on PATH, or name it with --go PATH".into()
            }
            BuildError::Run { .. } => "name an executable go command with --go PATH".into(),
            BuildError::Dir { .. } => "name an existing folder with -C".into(),
            BuildError::OldGo { .. } => {
                "install a newer Go (https://go.dev/dl), or name one with --go PATH".into()
            }
            BuildError::CgoOff { .. } => "pass --cgo-for-race to switch cgo on for the race build alone, \
                 or set CGO_ENABLED=1 for both"
                .into(),
            BuildError::NoCompiler { .. } => "install one (Debian: apt-get install gcc libc6-dev; \
                 Alpine: apk add gcc musl-dev; Fedora: dnf install gcc), or name one with CC=…"
                .into(),
            BuildError::Platform { .. } => {
                "build for linux/amd64 or linux/arm64: unset GOOS and GOARCH, or set them so".into()
            }
            BuildError::Package { .. } => {
                "give a package as go build takes it (./cmd/api), from inside its module; -C DIR changes folder".into()
            }
            BuildError::NotMain { mains, .. } | BuildError::NoMains { mains, .. } => known(mains),
            BuildError::SameName { .. } => "build them one at a time, each with its own -o".into(),
            BuildError::Flag { instead, .. } => (*instead).into(),
            BuildError::Compile { cgo: true, .. } => {
                "install a C library to link with (Debian: libc6-dev; Alpine: musl-dev), or name a working CC".into()
            }
            BuildError::Write { .. } => "name a folder that can be written with -o".into(),
            BuildError::Go { reason, .. } if reason.contains("go.mod file not found") => {
                "go to the folder of a Go module, or name it with -C DIR".into()
            }
            BuildError::Go { .. }
            | BuildError::Compile { .. }
            | BuildError::NotLight { .. }
            | BuildError::Stopped
            | BuildError::Parse { .. } => return None,
        })
    }
}

fn known(mains: &[String]) -> String {
    const SHOWN: usize = 8;
    match mains {
        [] => "there is no command in this module; -C DIR goes to another".into(),
        few if few.len() <= SHOWN => format!("name one of its commands: {}", few.join(", ")),
        many => format!(
            "name one of its commands: {} and {} more",
            many[..SHOWN].join(", "),
            many.len() - SHOWN
        ),
    }
}
