//! `cargo xtask go`: format, vet and test the Go modules of the tree, with each of their build tags.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use photofinish_testkit::workspace_root;

use crate::steps::{Tally, count, read_go, run};
use crate::{Outcome, tools};

/// A module and the tags it is tested with.
const MODULES: &[(&str, &[&str])] = &[
    ("examples/payments", &["", "repaired", "racecanary", "repaired,racecanary"]),
    ("examples/payments/settler", &["", "repaired"]),
];

pub(crate) fn go(_: &[String]) -> Outcome {
    let tally = check()?;
    println!("{}", tally.line());
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All of it.
pub(crate) fn check() -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (module, tags) in MODULES {
        let folder = workspace_root().join(module);
        tally.add(Tally::of(is_formatted(&folder)?));
        if !run(in_module(&folder)?.args(["mod", "download"]))? {
            println!("skipped: what {module} needs cannot be fetched");
            tally.add(Tally { skipped: 1, ..Tally::default() });
            continue;
        }
        for tags in *tags {
            tally.add(Tally::of(run(in_module(&folder)?.args(["vet", "-tags", tags, "./..."]))?));
            tally.add(count(
                in_module(&folder)?.args(["test", "-race", "-v", "-tags", tags, "./..."]),
                read_go,
            )?);
        }
    }
    Ok(tally)
}

fn in_module(folder: &PathBuf) -> Result<Command, String> {
    let mut command = tools::command(&tools::go()?.go)?;
    command.current_dir(folder).env("CGO_ENABLED", "1");
    Ok(command)
}

/// Whether gofmt, which lies beside go, has nothing to say.
fn is_formatted(folder: &PathBuf) -> Result<bool, String> {
    let gofmt = tools::go()?.go.with_file_name("gofmt");
    let output = Command::new(&gofmt)
        .args(["-l", "."])
        .current_dir(folder)
        .output()
        .map_err(|cause| format!("cannot start {}: {cause}", gofmt.display()))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(output.status.success() && output.stdout.is_empty())
}
