//! `cargo xtask soak jobs-kills [--broker X] [--kills N]`: the crash matrix of `crates/photofinish/tests/jobs`, with
//! N kills a broker (100).
//!
//! Each column is a test's long variant. In the first, two samplers of which one is killed again and again, some
//! stopped before, the broker itself killed every tenth time; what is looked at in the end is what the short variant
//! looks at: each job in one queue, at its place, the share exact. The tests are built once and then run by
//! themselves, so that a soak of an hour holds up nobody who builds.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use super::stage::option;
use crate::Outcome;
use crate::steps::{count, read_cargo};
use crate::tools;

/// What a broker is put through.
const TRIALS: [&str; 4] = ["killed", "stopped past its lease", "race workers dead", "broker full"];

/// Brokers, and the test of each trial; where none is named, nothing of ours is at stake there.
const BROKERS: &[(&str, [&str; 4])] = &[
    (
        "rabbitmq",
        [
            "rabbitmq::whoever_is_killed",
            "rabbitmq::a_sampler_that_slept",
            "rabbitmq::what_dead_race_workers",
            "rabbitmq::while_an_alarm",
        ],
    ),
    (
        "redis-lists",
        [
            "lists::whoever_is_killed",
            "lists::a_sampler_that_slept",
            "lists::dead_race_workers",
            "lists::in_a_redis_that_is_full",
        ],
    ),
    (
        "asynq",
        [
            "asynq::whoever_is_killed",
            "asynq::a_sampler_that_slept",
            "asynq::what_dead_race_workers",
            "asynq::in_a_redis_that_is_full",
        ],
    ),
    (
        "river",
        [
            "river::samplers_that_are_killed",
            "river::a_sampler_that_sleeps",
            "river::jobs_that_no_race_worker_takes",
            "",
        ],
    ),
    (
        "redis-streams",
        [
            "streams::whoever_is_killed",
            "streams::a_sampler_that_slept",
            "streams::what_dead_race_workers",
            "streams::in_a_redis_that_is_full",
        ],
    ),
    (
        "nats",
        [
            "nats::whoever_is_killed",
            "nats::a_sampler_that_slept",
            "nats::what_dead_race_workers",
            "nats::on_a_full_disk",
        ],
    ),
    (
        "sqlite",
        [
            "sqlite::samplers_that_are_killed",
            "sqlite::a_sampler_that_sleeps",
            "sqlite::jobs_that_no_race_worker_takes",
            "",
        ],
    ),
];

pub(super) fn jobs_kills(arguments: &[String]) -> Outcome {
    let only = option(arguments, "--broker");
    let kills = option(arguments, "--kills").unwrap_or("100");
    if kills.parse::<u64>().is_err() {
        return Err(format!("--kills takes a number, not `{kills}`"));
    }
    let names: Vec<&str> = BROKERS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = only.filter(|name| !names.contains(name)) {
        return Err(format!("there is no broker `{unknown}`; there are {}", names.join(", ")));
    }
    tools::brokers();
    let tests = tests()?;
    let mut lines = vec![
        format!("| broker, {kills} kills | {} | s |", TRIALS.join(" | ")),
        format!("|---|{}---:|", "---|".repeat(TRIALS.len())),
    ];
    let mut is_good = true;
    for (name, words) in BROKERS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let begun = Instant::now();
        let mut said = Vec::new();
        for word in words {
            if word.is_empty() {
                said.push("-");
                continue;
            }
            let mut command = Command::new(&tests);
            command.current_dir(photofinish_testkit::workspace_root().join("crates/photofinish"));
            command.env("PHOTOFINISH_KILLS", kills).args([word, "--nocapture", "--test-threads=1"]);
            // A trial that CI does not wait for is a trial all the same.
            command.arg("--include-ignored");
            let tally = count(&mut command, read_cargo)?;
            let is_kept = tally.failed == 0 && tally.passed == 1;
            is_good &= is_kept;
            said.push(if is_kept { "kept" } else { "BROKEN" });
        }
        lines.push(format!("| {name} | {} | {} |", said.join(" | "), begun.elapsed().as_secs()));
    }
    println!("{}", lines.join("\n"));
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tests, built.
fn tests() -> Result<PathBuf, String> {
    let mut command = tools::cargo()?;
    command.args(["test", "--package", "photofinish", "--test", "jobs", "--no-run"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let built = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|cause| format!("cannot start cargo: {cause}"))?;
    let said = String::from_utf8_lossy(&built.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut tests = messages.filter_map(|message: serde_json::Value| {
        let is_ours = message["target"]["name"] == "jobs" && message["profile"]["test"] == true;
        is_ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    tests.next().ok_or_else(|| "the tests could not be built".to_owned())
}
