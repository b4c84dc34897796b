//! `cargo xtask soak jobs-kills [--broker X]`: the crash matrix of `crates/photofinish/tests/jobs`, with 100 kills a broker.
//!
//! Two samplers of which one is killed again and again, some stopped before, the broker itself killed every tenth time.
//! What is looked at in the end is what the short variant looks at: each job in one queue, at its place, the share exact.

use std::process::ExitCode;
use std::time::Instant;

use super::stage::option;
use crate::Outcome;
use crate::steps::{count, read_cargo};
use crate::tools;

/// Brokers, and the tests that kill samplers at them.
const BROKERS: &[(&str, &str)] = &[
    ("redis-lists", "lists::whoever_is_killed"),
    ("redis-streams", "streams::whoever_is_killed"),
    ("asynq", "asynq::tasks_of_asynqs_own_client"),
    ("river", "river::samplers_that_are_killed"),
    ("nats", "nats::whoever_is_killed"),
    ("rabbitmq", "rabbitmq::whoever_is_killed"),
];

pub(super) fn jobs_kills(arguments: &[String]) -> Outcome {
    let only = option(arguments, "--broker");
    let names: Vec<&str> = BROKERS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = only.filter(|name| !names.contains(name)) {
        return Err(format!("there is no broker `{unknown}`; there are {}", names.join(", ")));
    }
    tools::brokers();
    let mut lines = vec!["| broker | 100 kills | s |".to_owned(), "|---|---|---:|".to_owned()];
    let mut is_good = true;
    for (name, test) in BROKERS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let begun = Instant::now();
        let mut command = tools::cargo()?;
        command.env("PHOTOFINISH_SOAK", "1");
        command.args(["test", "--package", "photofinish", "--test", "jobs", "--", test]);
        command.args(["--nocapture", "--test-threads=1"]);
        let tally = count(&mut command, read_cargo)?;
        let is_kept = tally.failed == 0 && tally.passed > 0;
        is_good &= is_kept;
        let said = if is_kept { "kept" } else { "BROKEN" };
        lines.push(format!("| {name} | {said} | {} |", begun.elapsed().as_secs()));
    }
    println!("{}", lines.join("\n"));
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
