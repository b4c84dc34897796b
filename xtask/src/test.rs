//! `cargo xtask test`: what CI checks, step by step. A step that fails does not keep the others
//! from running: one run tells all.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::Outcome;
use crate::steps::{Tally, check, count, read_cargo, seconds};
use crate::{deny, go, house, readme, tools};

/// A step: its name and what it does.
type Step = (&'static str, fn() -> Result<Tally, String>);

/// Cheap ones first.
const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("house", || Ok(house::check())),
    ("deny", || deny::check(false)),
    ("clippy", clippy),
    ("cargo", cargo_test),
    ("go", go::check),
    ("readme", readme::check),
];

pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

pub(crate) fn test(wanted: &[String]) -> Outcome {
    if let Some(unknown) = wanted.iter().find(|name| !names().contains(&name.as_str())) {
        return Err(format!("`{unknown}` is no step of test; there are {}", names().join(", ")));
    }
    let toolchain = tools::go()?;
    println!("Go {} ({})", toolchain.version, toolchain.go.display());
    let mut total = Tally::default();
    let mut summary = Vec::new();
    for (name, step) in STEPS {
        if !wanted.is_empty() && !wanted.iter().any(|asked| asked == name) {
            continue;
        }
        println!("\n== {name}");
        let start = Instant::now();
        let tally = step().unwrap_or_else(|message| {
            println!("{message}");
            Tally::FAILED
        });
        summary.push(format!("{name:<8} {:<28} {}", tally.line(), seconds(start)));
        total.add(tally);
    }
    println!("\n{}\n\n{}", summary.join("\n"), total.line());
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fmt() -> Result<Tally, String> {
    check(component("fmt", "rustfmt")?.args(["--all", "--check"]))
}

fn clippy() -> Result<Tally, String> {
    check(component("clippy", "clippy")?.args([
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn cargo_test() -> Result<Tally, String> {
    tools::brokers();
    tools::browser();
    tools::collector();
    count(tools::cargo()?.args(["test", "--workspace", "--no-fail-fast"]), read_cargo)
}

/// A subcommand of cargo that is a component of the Rust toolchain.
fn component(subcommand: &str, component: &str) -> Result<Command, String> {
    let there = tools::cargo()?
        .args([subcommand, "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        return Err(format!(
            "`cargo {subcommand}` is not there\n  try: rustup component add {component}"
        ));
    }
    let mut command = tools::cargo()?;
    command.arg(subcommand);
    Ok(command)
}
