//! A program with two deadlocks and three leaks, and much that only looks like one.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use photofinish_goprocess::Process;
use photofinish_inspect::{Deadlocks, Evidence, Leak};
use photofinish_testkit::{
    BuildOptions, PINNED, Running, build_go, go_toolchain_version, workspace_root,
};

fn start(options: &BuildOptions) -> Running {
    let folder = workspace_root().join("crates/live/inspect/tests/programs/stuck");
    let running = Running::start(&mut Command::new(build_go(folder, options)));
    running.wait_for_line(Duration::from_secs(60), "READY");
    running
}

/// The goroutines that said so.
fn said(running: &Running, what: &str) -> BTreeSet<u64> {
    let output = running.output();
    let ids = output.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix('='));
    ids.map(|id| id.parse().unwrap()).collect()
}

fn check(options: &BuildOptions) {
    let running = start(options);
    let process = Process::open(running.pid()).unwrap();
    let (look, deadlocks) = Deadlocks::find(&process).unwrap();

    let rings: BTreeSet<BTreeSet<u64>> = deadlocks
        .cycles
        .iter()
        .map(|ring| ring.iter().map(|link| link.goroutine).collect())
        .collect();
    let truth = BTreeSet::from([said(&running, "ring1"), said(&running, "ring2")]);
    assert_eq!(rings, truth, "{options:?}: {:?}", deadlocks.cycles);
    for link in deadlocks.cycles.iter().flatten() {
        // Those of the first ring have put off the call of Unlock.
        let is_proved = said(&running, "ring1").contains(&link.goroutine);
        let evidence = if is_proved { Evidence::Proved } else { Evidence::Likely };
        assert_eq!(link.evidence, evidence, "{options:?}: {link:?}");
        let goroutine = look.goroutine(link.goroutine).unwrap();
        assert!(goroutine.waits.iter().any(|wait| wait.address == link.waits_for));
    }

    assert_eq!(deadlocks.not_looked, None);
    let leak = |function: &str| -> &Leak {
        let found = deadlocks.leaks.iter().find(|leak| leak.function == function);
        found.unwrap_or_else(|| panic!("{options:?}: no {function} in {:?}", deadlocks.leaks))
    };
    // Stale words may keep some few reached.
    let asked = leak("main.ask.func1");
    assert!((180..=200).contains(&asked.count), "{options:?}: {asked:?}");
    assert_eq!((asked.wait_reason.as_str(), asked.waiting_for), ("chan send", None));
    assert_eq!(asked.created_at.as_ref().unwrap().function, "main.ask");
    let abandoned = leak("main.abandon.func1");
    assert_eq!(abandoned.count, 3);
    assert!(abandoned.waiting_for.is_some());
    let on_nil = deadlocks.leaks.iter().find(|leak| leak.evidence == Evidence::Proved).unwrap();
    assert_eq!((on_nil.count, on_nil.wait_reason.as_str()), (1, "chan receive (nil chan)"));
    assert_eq!(deadlocks.leaks.len(), 3, "{options:?}: {:?}", deadlocks.leaks);
}

#[test]
fn rings_and_leaks_are_found_and_nothing_else_is() {
    check(&BuildOptions::normal());
}

#[test]
fn rings_and_leaks_are_found_in_stripped_programs() {
    check(&BuildOptions::normal().flag("-ldflags=-s -w"));
    check(&BuildOptions::normal().flag("-ldflags=-s -w").flag("-buildmode=pie"));
}

#[test]
fn rings_and_leaks_are_found_with_every_go() {
    let is_soak = std::env::var_os("PHOTOFINISH_SOAK").is_some();
    for pinned in PINNED.iter().take(if is_soak { PINNED.len() } else { 1 }) {
        let toolchain = go_toolchain_version(pinned.version);
        check(&BuildOptions::normal().with(&toolchain).flag("-ldflags=-s -w"));
    }
}

#[test]
fn a_program_that_is_well_has_no_deadlock() {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/churn");
    let running = Running::start(&mut Command::new(build_go(folder, &BuildOptions::normal())));
    running.wait_for_line(Duration::from_secs(60), "READY");
    let process = Process::open(running.pid()).unwrap();
    for _ in 0..3 {
        let (_, deadlocks) = Deadlocks::find(&process).unwrap();
        assert!(deadlocks.is_empty(), "{deadlocks:?}");
    }
}
