//! `cargo xtask soak NAME`: the long variant of a test, which looks at `PHOTOFINISH_SOAK`.
//!
//! The same test runs short in `cargo xtask test`; here it gets its full number of rounds.

use std::process::ExitCode;

use crate::steps::{count, read_cargo};
use crate::{Outcome, tools};

/// Name, crate, a word in the names of its tests, what it is.
const SOAKS: &[(&str, &str, &str, &str)] = &[
    (
        "kill200",
        "photofinish",
        "kill",
        "SIGKILL of run and of its child, 200 times: nothing lost, nothing counted twice",
    ),
    (
        "goprocess",
        "photofinish-goprocess",
        "every_go",
        "the goroutines of programs built by every pinned Go, against what they say themselves",
    ),
    ("gcore", "photofinish-goprocess", "gcore", "the goroutines in a core file that gcore wrote"),
    (
        "deadlocks",
        "photofinish-inspect",
        "every_go",
        "deadlocks and leaks in programs built by every pinned Go",
    ),
    (
        "race-suite",
        "photofinish-supervise",
        "race_suite",
        "Go's own race suite passes with what a light build leaves out",
    ),
    (
        "toolchains",
        "photofinish-testkit",
        "pinned",
        "every pinned Go is fetched and builds a race program",
    ),
];

pub(crate) fn names() -> Vec<&'static str> {
    SOAKS.iter().map(|(name, ..)| *name).collect()
}

pub(crate) fn soak(arguments: &[String]) -> Outcome {
    let wanted = match arguments {
        [name] => SOAKS.iter().find(|(known, ..)| known == name),
        _ => None,
    };
    let Some((_, package, word, what)) = wanted else {
        return Err(format!("cargo xtask soak NAME, where NAME is one of {}", names().join(", ")));
    };
    println!("{what}");
    let mut command = tools::cargo()?;
    command.env("PHOTOFINISH_SOAK", "1").args(["test", "--package", package]);
    command.args(["--", word, "--include-ignored", "--nocapture", "--test-threads=1"]);
    let tally = count(&mut command, read_cargo)?;
    println!("{}", tally.line());
    Ok(if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
