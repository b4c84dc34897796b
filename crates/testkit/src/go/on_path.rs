//! The `go` on PATH, if it will do: 1.22 or newer, and it links a race build.
//!
//! That it links is tried, not guessed: distributions ship a Go without the race runtime. The verdict is kept under `target/toolchains`, since every
//! test process asks.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Toolchain;
use crate::error::{Error, file};
use crate::{Lock, folders, target_dir};

const OLDEST: (u32, u32) = (1, 22);

/// The toolchain on PATH, or none that will do.
pub(super) fn find() -> Result<Option<Toolchain>, Error> {
    let Some(go) = locate() else { return Ok(None) };
    // Without GOTOOLCHAIN=local, a go.mod in the current folder could name another version.
    let asked = Command::new(&go)
        .args(["env", "GOVERSION", "GOROOT"])
        .env("GOTOOLCHAIN", "local")
        .stdin(Stdio::null())
        .output();
    let Ok(answer) = asked else { return Ok(None) };
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let mut lines = answer.lines();
    let version =
        lines.next().and_then(|line| line.strip_prefix("go")).unwrap_or_default().to_owned();
    let root = lines.next().unwrap_or_default();
    if minor(&version).is_none_or(|version| version < OLDEST) {
        return Ok(None);
    }
    let toolchain = Toolchain { go, version };
    Ok(builds_race(&toolchain, root)?.then_some(toolchain))
}

/// The first `go` on PATH.
fn locate() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("go")).find(|go| go.is_file())
}

/// `(1, 26)` of `1.26.8`, `1.26rc1` or `1.26-devel …`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor.find(|character: char| !character.is_ascii_digit()).unwrap_or(minor.len());
    Some((major, minor[..digits].parse().ok()?))
}

/// Whether it links a race build, from the kept verdict or by trying.
fn builds_race(toolchain: &Toolchain, root: &str) -> Result<bool, Error> {
    let folder = target_dir().join("toolchains");
    let settings = ["CC", "GOFLAGS"].map(|name| std::env::var(name).unwrap_or_default());
    let asked = format!("{root}\n{}\n{}\n", toolchain.version, settings.join("\n"));
    let kept = folder.join("go-on-path");
    let _lock = Lock::wait_for(&folder.join("go-on-path.lock"))?;
    if let Ok(text) = std::fs::read_to_string(&kept)
        && let Some(verdict) = text.strip_prefix(asked.as_str())
    {
        return Ok(verdict == "builds -race\n");
    }
    let builds = try_to_build(toolchain)?;
    let verdict = if builds { "builds -race\n" } else { "does not build -race\n" };
    std::fs::write(&kept, asked + verdict).map_err(file("write", &kept))?;
    Ok(builds)
}

fn try_to_build(toolchain: &Toolchain) -> Result<bool, Error> {
    let folder = folders::temp_dir();
    let source = folder.path().join("main.go");
    std::fs::write(&source, "package main\n\nfunc main() {}\n").map_err(file("write", &source))?;
    let status = toolchain
        .command(folder.path())
        .args(["build", "-race", "-o", "check", "main.go"])
        .env("CGO_ENABLED", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| Error::Start { command: "go build -race".to_owned(), cause })?
        .status;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn every_way_go_writes_its_version_is_read() {
        for text in ["1.26", "1.26.8", "1.26rc1", "1.26-devel_abc", "1.26.8-X:nodwarf5"] {
            assert_eq!(minor(text), Some((1, 26)), "{text}");
        }
        assert_eq!(minor("devel"), None);
    }
}
