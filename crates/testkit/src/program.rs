//! Go programs built for tests, once per content.
//!
//! The binary's folder is named by a hash of everything it depends on (sources, options, toolchain),
//! so a second test, or a second run, finds it under `target/go-programs`; `cargo clean` clears it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, file, run};
use crate::{Lock, Toolchain, target_dir, try_go_toolchain};

/// How to build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// With the race detector.
    pub race: bool,
    /// Build tags.
    pub tags: Vec<String>,
    /// More flags for `go build`: `-trimpath`, `-ldflags=-s -w`, `-gcflags=all=-N -l`.
    pub flags: Vec<String>,
    /// Environment of `go build`: `("GOEXPERIMENT", "noswissmap")`.
    pub env: Vec<(String, String)>,
    /// The package below the program's folder, if it is not the folder itself: `./cmd/api`.
    pub package: Option<String>,
    /// Which Go; [`crate::go_toolchain`] unless said.
    pub toolchain: Option<Toolchain>,
}

impl BuildOptions {
    /// A normal build.
    pub fn normal() -> BuildOptions {
        BuildOptions::default()
    }

    /// A build with the race detector.
    pub fn race() -> BuildOptions {
        BuildOptions { race: true, ..BuildOptions::default() }
    }

    /// The same with a build tag more.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> BuildOptions {
        self.tags.push(tag.to_owned());
        self
    }

    /// The same with a flag of `go build` more.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> BuildOptions {
        self.flags.push(flag.to_owned());
        self
    }

    /// The same with this Go.
    #[must_use]
    pub fn with(mut self, toolchain: &Toolchain) -> BuildOptions {
        self.toolchain = Some(toolchain.clone());
        self
    }
}

/// Builds the Go module in `folder` and returns the binary.
///
/// # Panics
/// When it does not build; the message holds what Go said.
#[track_caller]
pub fn build_go(folder: impl AsRef<Path>, options: &BuildOptions) -> PathBuf {
    match try_build_go(folder.as_ref(), options) {
        Ok(binary) => binary,
        Err(error) => panic!("{}", error.story()),
    }
}

/// Builds a program of one file, given as text; `name` is what the binary is called.
///
/// # Panics
/// When it does not build; the message holds what Go said.
#[track_caller]
pub fn build_go_source(name: &str, source: &str, options: &BuildOptions) -> PathBuf {
    let binary = write_module(name, source).and_then(|folder| try_build_go(&folder, options));
    match binary {
        Ok(binary) => binary,
        Err(error) => panic!("{}", error.story()),
    }
}

/// Like [`build_go`].
///
/// # Errors
/// No toolchain, a folder that cannot be read, or a program that does not build.
pub fn try_build_go(folder: &Path, options: &BuildOptions) -> Result<PathBuf, Error> {
    let toolchain = match &options.toolchain {
        Some(toolchain) => toolchain,
        None => try_go_toolchain()?,
    };
    let folder = folder.canonicalize().map_err(file("find", folder))?;
    let name =
        folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let hash = content_hash(&folder, toolchain, options)?;
    let home = target_dir().join("go-programs").join(format!("{name}-{hash}"));
    let binary = home.join(&name);
    if binary.is_file() {
        return Ok(binary);
    }
    let _lock = Lock::wait_for(&home.with_extension("lock"))?;
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&home).map_err(file("create", &home))?;
    let part = home.join("part");
    let mut command = toolchain.command(&folder);
    command.arg("build").arg("-o").arg(&part);
    if options.race {
        command.arg("-race").env("CGO_ENABLED", "1");
    }
    if !options.tags.is_empty() {
        command.arg("-tags").arg(options.tags.join(","));
    }
    command.args(&options.flags).envs(options.env.iter().map(|(name, value)| (name, value)));
    run(command.arg(options.package.as_deref().unwrap_or(".")))?;
    fs::rename(&part, &binary).map_err(file("move into place", &binary))?;
    Ok(binary)
}

/// A module with one file in it, in a folder named by its content.
fn write_module(name: &str, source: &str) -> Result<PathBuf, Error> {
    let hash = short(&Sha256::digest(source.as_bytes()));
    let folder = target_dir().join("go-programs/sources").join(hash).join(name);
    fs::create_dir_all(&folder).map_err(file("create", &folder))?;
    for (path, text) in [("main.go", source), ("go.mod", &format!("module {name}\n\ngo 1.21\n"))] {
        let path = folder.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        // By a rename: another test may be building from here.
        let part = folder.join(format!("{}.{}", std::process::id(), thread_number()));
        fs::write(&part, text).map_err(file("write", &part))?;
        fs::rename(&part, &path).map_err(file("move into place", &path))?;
    }
    Ok(folder)
}

/// Everything the binary depends on but the standard library, which comes with the toolchain's version.
fn content_hash(
    folder: &Path,
    toolchain: &Toolchain,
    options: &BuildOptions,
) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut without_toolchain = options.clone();
    without_toolchain.toolchain = None;
    // The folders too: binaries name their sources, and Go's own, in stack traces.
    hash.update(format!("{}\n{toolchain:?}\n{without_toolchain:?}\n", folder.display()));
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(file("read", &folder))?.flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !hidden => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && !hidden => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    for path in files {
        let content = fs::read(&path).map_err(file("read", &path))?;
        hash.update(format!("{}\n{}\n", path.display(), content.len()));
        hash.update(&content);
    }
    Ok(short(&hash.finalize()))
}

/// The first 16 hex digits: enough for a folder name.
fn short(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A number no other live thread of this process has.
fn thread_number() -> String {
    format!("{:?}", std::thread::current().id())
        .replace(|character: char| !character.is_ascii_digit(), "")
}
