//! What must be there before anything is compiled: Go, not too old, and for `-race` a C compiler,
//! cgo and a system that the detector exists for.
//!
//! The systems are those of `internal/platform.RaceDetectorSupported`, Go 1.21 to 1.27.

use super::go::{Go, on_path};
use super::{BuildError, Plan};
use serde::Deserialize;
use std::path::Path;

/// The oldest minor release of Go 1 that works.
const OLDEST: u32 = 21;
/// The newest minor release of Go 1 that light builds were tried with.
pub(super) const NEWEST_TRIED: u32 = 27;

/// What `go env` says about the toolchain that will build.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct Toolchain {
    pub(super) goversion: String,
    pub(super) goos: String,
    pub(super) goarch: String,
    pub(super) goexe: String,
    #[serde(rename = "CGO_ENABLED")]
    pub(super) cgo_enabled: String,
    pub(super) cc: String,
    pub(super) goflags: String,
}

impl Toolchain {
    /// `1.26.8`, without `go` and what may stand behind (`X:…`).
    pub(super) fn version(&self) -> &str {
        let words = self.goversion.split_whitespace();
        let mut named = words.filter(|word| word.starts_with("go1."));
        named.next().unwrap_or(&self.goversion).trim_start_matches("go")
    }

    /// The 26 of 1.26.8.
    pub(super) fn minor(&self) -> Option<u32> {
        let minor = self.version().strip_prefix("1.")?;
        minor.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// `linux/amd64`.
    pub(super) fn platform(&self) -> String {
        format!("{}/{}", self.goos, self.goarch)
    }
}

/// Asks `go` who it is, and refuses one that is too old.
pub(super) fn toolchain(go: &Go) -> Result<Toolchain, BuildError> {
    let args =
        ["env", "-json", "GOVERSION", "GOOS", "GOARCH", "GOEXE", "CGO_ENABLED", "CC", "GOFLAGS"];
    let json = go.read(&args.map(str::to_owned))?;
    let toolchain: Toolchain = serde_json::from_slice(&json)
        .map_err(|cause| BuildError::Parse { command: "env -json".into(), cause })?;
    // A version we cannot read is somebody's own build of Go, and more likely new than old.
    if toolchain.minor().is_some_and(|minor| minor < OLDEST) {
        let version = toolchain.version().to_owned();
        return Err(BuildError::OldGo { go: go.path.clone(), version });
    }
    Ok(toolchain)
}

/// Checks that a `-race` build can work.
pub(super) fn can_race(go: &Go, toolchain: &Toolchain, plan: &Plan) -> Result<(), BuildError> {
    let platform = toolchain.platform();
    let minor = toolchain.minor().unwrap_or(NEWEST_TRIED);
    if !has_detector(&toolchain.goos, &toolchain.goarch, minor) {
        return Err(BuildError::Platform { platform, version: toolchain.version().into() });
    }
    if toolchain.goos == "darwin" {
        return Ok(());
    }
    let switched_off = go.var("CGO_ENABLED").is_some_and(|value| value == "0");
    if switched_off && !plan.cgo_for_race {
        return Err(BuildError::CgoOff { platform });
    }
    let compiler = super::flags::split_quoted(&toolchain.cc).into_iter().next().unwrap_or_default();
    if on_path(Path::new(&compiler), go.var("PATH").as_ref()).is_none() {
        return Err(BuildError::NoCompiler { compiler });
    }
    if toolchain.cgo_enabled == "0" && !plan.cgo_for_race {
        return Err(BuildError::CgoOff { platform });
    }
    Ok(())
}

fn has_detector(goos: &str, goarch: &str, minor: u32) -> bool {
    match goos {
        "linux" => match goarch {
            "amd64" | "arm64" | "ppc64le" | "s390x" => true,
            "loong64" => minor >= 25,
            "riscv64" => minor >= 26,
            _ => false,
        },
        "darwin" => matches!(goarch, "amd64" | "arm64"),
        "freebsd" | "netbsd" | "windows" => goarch == "amd64",
        _ => false,
    }
}
