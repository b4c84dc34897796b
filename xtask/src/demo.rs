//! `cargo xtask demo`: hunts the racy payment service, then the repaired one.
//!
//! Each hunt gets a store of its own under `target/demo`, so that what is shown is what was found
//! now. Ends well only if the first found races and the second none.

use std::process::ExitCode;
use std::time::Instant;

use photofinish_testkit::target_dir;

use crate::steps::{run, seconds};
use crate::{Outcome, tools};

/// What `photofinish hunt` exits with.
const FOUND_NOTHING: i32 = 0;
const FOUND_RACES: i32 = 1;

pub(crate) fn demo(_: &[String]) -> Outcome {
    println!("== building photofinish");
    if !run(tools::cargo()?.args(["build", "--package", "photofinish"]))? {
        return Ok(ExitCode::FAILURE);
    }
    tools::remove_folder(&target_dir().join("demo"))?;
    println!(
        "== compiling the payment service (the first time Go compiles its library with -race too)"
    );
    for tags in ["", "repaired"] {
        if !compile(tags)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    let start = Instant::now();

    println!("\n== the payment service: its tests pass under -race, and it is full of races");
    let racy = hunt("racy", &[])?;
    println!("\n== the repaired payment service");
    let repaired = hunt("repaired", &["--tags", "repaired"])?;

    let verdict = |code: Option<i32>| match code {
        Some(FOUND_NOTHING) => "no races found",
        Some(FOUND_RACES) => "races found",
        _ => "could not run",
    };
    println!(
        "\nracy: {}; repaired: {}; both hunts took {}",
        verdict(racy),
        verdict(repaired),
        seconds(start)
    );
    let as_it_should = racy == Some(FOUND_RACES) && repaired == Some(FOUND_NOTHING);
    Ok(if as_it_should { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fills Go's cache, so that what is timed is the hunts.
fn compile(tags: &str) -> Result<bool, String> {
    let mut command = tools::command(target_dir().join("debug/photofinish"))?;
    command.args(["build", "-C", "examples/payments", "--tags", tags, "-o"]);
    run(command.arg(target_dir().join("demo/bin/")))
}

/// One hunt; its exit code.
fn hunt(name: &str, flags: &[&str]) -> Result<Option<i32>, String> {
    let home = target_dir().join("demo").join(name);
    let mut command = tools::command(target_dir().join("debug/photofinish"))?;
    command.args(["hunt", "-c", "examples/payments/photofinish.toml"]).args(flags);
    println!("$ photofinish hunt -c examples/payments/photofinish.toml {}", flags.join(" "));
    command.arg("--store").arg(home.join("findings.db")).arg("--spool").arg(home.join("spool"));
    let status = command.status().map_err(|cause| format!("cannot start photofinish: {cause}"))?;
    Ok(status.code())
}
