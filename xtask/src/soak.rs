//! `cargo xtask soak NAME`: what takes too long for every day.
//!
//! Some are the long variant of a test, which looks at `PHOTOFINISH_SOAK`: the same test runs short in
//! `cargo xtask test`; here it gets its full number of rounds. The others drive `photofinish proxy`, built for
//! release, or `photofinish catch`, for as long as one wants, and live in files of their own.

mod catch_kills;
mod catch_twins;
mod growth;
mod jobs_kills;
mod kills;
mod serve_fleet;
mod slow;
mod stage;
mod webhook_hour;

use std::process::ExitCode;

use crate::steps::{count, read_cargo};
use crate::{Outcome, tools};

/// How a soak is run.
enum How {
    /// The tests of a package with this word in their names.
    Tests { package: &'static str, word: &'static str },
    /// A function that gets what was said behind the name.
    Own(fn(&[String]) -> Outcome),
}

/// Name, how it is run, what it is.
const SOAKS: &[(&str, How, &str)] = &[
    (
        "kill200",
        How::Tests { package: "photofinish", word: "kill" },
        "SIGKILL of run and of its child, 200 times: nothing lost, nothing counted twice",
    ),
    (
        "goprocess",
        How::Tests { package: "photofinish-goprocess", word: "every_go" },
        "the goroutines of programs built by every pinned Go, against what they say themselves",
    ),
    (
        "gcore",
        How::Tests { package: "photofinish-goprocess", word: "gcore" },
        "the goroutines in a core file that gcore wrote",
    ),
    (
        "deadlocks",
        How::Tests { package: "photofinish-inspect", word: "every_go" },
        "deadlocks, leaks and maps in programs built by every pinned Go",
    ),
    (
        "inspect-kills",
        How::Tests { package: "photofinish", word: "killed_while_it_is_held" },
        "SIGKILL of inspect --stop while it holds the process, 100 times: the process goes on",
    ),
    (
        "race-suite",
        How::Tests { package: "photofinish-supervise", word: "race_suite" },
        "Go's own race suite passes with what a light build leaves out",
    ),
    (
        "toolchains",
        How::Tests { package: "photofinish-testkit", word: "pinned" },
        "every pinned Go is fetched and builds a race program",
    ),
    (
        "proxy-kills",
        How::Own(kills::kills),
        "[--for 10m] a canary killed every 2 s under 500 requests a second: no caller sees an error",
    ),
    (
        "proxy-growth",
        How::Own(growth::growth),
        "[--requests 100m] canary and mirror on: the proxy's memory does not grow",
    ),
    (
        "proxy-slow",
        How::Own(slow::slow),
        "slowloris, slow bodies, slow readers, 10,000 idle connections: good callers see no error",
    ),
    (
        "jobs-kills",
        How::Own(jobs_kills::jobs_kills),
        "[--broker X] [--kills N] SIGKILL of the jobs sampler, 100 times a broker: each job in one queue, at its place",
    ),
    (
        "serve-kills",
        How::Tests { package: "photofinish", word: "none_is_lost_and_none_doubled" },
        "SIGKILL of serve, and of its Postgres, 100 times each under load: none lost, none doubled",
    ),
    (
        "serve-fleet",
        How::Own(serve_fleet::serve_fleet),
        "[--processes 1000] [--reports 60] [--kills 10] a report a second from each of 1,000 processes, serve and its \
         Postgres killed: all are there once",
    ),
    (
        "webhook-hour",
        How::Own(webhook_hour::webhook_hour),
        "[--minutes 60] a receiver of webhooks is away for an hour, and serve is killed meanwhile: each finding is told \
         as promised",
    ),
    (
        "deploy-apiserver",
        How::Tests { package: "photofinish", word: "a_real_api_server" },
        "what `deploy` writes, applied to a real kube-apiserver (built from source, many minutes) and read back",
    ),
    (
        "catch-kills",
        How::Own(catch_kills::catch_kills),
        "[--kills 200] SIGKILL of catch at random moments under load: the service loses nothing",
    ),
    (
        "catch-twins",
        How::Own(catch_twins::catch_twins),
        "[--minutes 60] [--budget 1%] [--only WORD] catch over all correct programs: not a word",
    ),
];

pub(crate) fn names() -> Vec<&'static str> {
    SOAKS.iter().map(|(name, ..)| *name).collect()
}

pub(crate) fn soak(arguments: &[String]) -> Outcome {
    let (name, rest) = arguments.split_first().unzip();
    let wanted = SOAKS.iter().find(|(known, ..)| Some(*known) == name.map(String::as_str));
    let rest = rest.unwrap_or_default();
    let Some((_, how, what)) = wanted else {
        return Err(format!("cargo xtask soak NAME, where NAME is one of {}", names().join(", ")));
    };
    println!("{what}");
    match how {
        How::Own(run) => run(rest),
        How::Tests { package, word } => tests(package, word),
    }
}

fn tests(package: &str, word: &str) -> Outcome {
    let mut command = tools::cargo()?;
    command.env("PHOTOFINISH_SOAK", "1").args(["test", "--package", package]);
    command.args(["--", word, "--include-ignored", "--nocapture", "--test-threads=1"]);
    let tally = count(&mut command, read_cargo)?;
    println!("{}", tally.line());
    Ok(if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
