//! `inspect --record` and `catch` with `--to`: what they see waits for a `serve` that is away.

use crate::support::{LONG, Served, Service};
use photofinish_store::{Filter, Source};
use photofinish_testkit::{
    BuildOptions, Running, build_go, free_port, may_catch, wait_until, workspace_root,
};
use std::process::Command;

/// A Go program at work.
fn start(folder: &str, arguments: &[&str]) -> Running {
    let program = build_go(workspace_root().join(folder), &BuildOptions::normal());
    let running = Running::start(Command::new(program).args(arguments));
    running.wait_for_line(LONG, "READY");
    running
}

/// `photofinish WORDS` on another machine than `service`'s, as far as files go.
fn elsewhere(service: &Service, url: &str, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(words).args(["--to", url, "--spool"]).arg(service.path("other-machine"));
    command.env("XDG_STATE_HOME", service.path("state")).env("NO_COLOR", "1");
    let output = command.output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The sources of all findings and how often each was seen.
fn seen(service: &Service) -> Vec<(Source, u64)> {
    let findings = service.open().findings(&Filter::default()).unwrap();
    findings.iter().flat_map(|one| one.sources.clone()).collect()
}

#[test]
fn what_inspect_records_while_serve_is_away_arrives_once_with_the_next() {
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let stuck = start("crates/live/inspect/tests/programs/stuck", &[]);
    let pid = stuck.pid().to_string();
    let words = ["inspect", &pid, "deadlocks", "--record", "--service", "bank"];
    let said = elsewhere(&service, &url, &words);
    assert!(seen(&service).is_empty(), "nobody is there");
    let _served = Served::start(&service, &["--listen", &listen]);
    let again = elsewhere(&service, &url, &words);
    wait_until(LONG, &format!("both looks to arrive: {said}{again}"), || {
        let seen = seen(&service);
        !seen.is_empty() && seen.iter().all(|one| *one == (Source::Inspect, 2))
    });
    assert!(!service.path("state/photofinish/findings.db").exists(), "nothing is kept here");
}

#[test]
fn what_catch_sees_while_serve_is_away_arrives_with_the_next() {
    if !may_catch() {
        return;
    }
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let racy = start("corpus/catch", &["counter", "racy"]);
    let pid = racy.pid().to_string();
    let look = ["catch", &pid, "--for", "50s", "--budget", "60%", "--until-first"];
    let said = elsewhere(&service, &url, &look);
    assert!(said.contains("countRacy"), "{said}");
    assert!(seen(&service).is_empty(), "nobody is there");
    let _served = Served::start(&service, &["--listen", &listen]);
    // Whoever comes next with the same --to delivers what was left, whatever it looks at.
    let said = elsewhere(&service, &url, &["catch", &pid, "--for", "1s"]);
    wait_until(LONG, &format!("it to arrive: {said}"), || {
        seen(&service).iter().any(|(source, _)| *source == Source::Catch)
    });
}
