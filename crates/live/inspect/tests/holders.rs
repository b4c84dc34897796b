//! Who holds a lock, against a program that says so itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::process::Command;
use std::time::Duration;

use photofinish_goprocess::Process;
use photofinish_inspect::{Detail, Evidence, Look};
use photofinish_testkit::{
    BuildOptions, PINNED, Running, build_go, go_toolchain_version, workspace_root,
};

const STRIPPED: &str = "-ldflags=-s -w";

/// What the program said of one lock.
#[derive(Debug)]
struct Told {
    name: String,
    waiter: u64,
    holders: Vec<u64>,
    evidence: String,
}

fn told(running: &Running) -> Vec<Told> {
    let output = running.output();
    let lines = output.lines().filter_map(|line| line.strip_prefix("LOCK "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let after = |idx: usize| words[idx].split_once('=').unwrap().1.to_owned();
            Told {
                name: words[0].to_owned(),
                waiter: after(1).parse().unwrap(),
                holders: after(2).split(',').map(|id| id.parse().unwrap()).collect(),
                evidence: after(3),
            }
        })
        .collect()
}

fn check(options: &BuildOptions) {
    let folder = workspace_root().join("crates/live/inspect/tests/programs/locks");
    let running = Running::start(&mut Command::new(build_go(folder, options)));
    running.wait_for_line(Duration::from_secs(60), "READY");
    let process = Process::open(running.pid()).unwrap();
    let look = Look::take(&process).unwrap();
    let all = told(&running);
    assert_eq!(all.len(), 11, "{all:?}");
    for lock in all {
        let waiter = look.goroutine(lock.waiter).unwrap();
        let detail = Detail::of(&process, &look, waiter);
        let [waited] = &detail.waits[..] else { panic!("{lock:?}: {:?}", detail.waits) };
        let sure: Vec<_> =
            waited.holders.iter().filter(|it| it.evidence > Evidence::Possible).collect();
        let mut ids: Vec<u64> = sure.iter().map(|it| it.goroutine).collect();
        ids.sort_unstable();
        // It tells them in the order in which they took it.
        let mut holders = lock.holders.clone();
        holders.sort_unstable();
        assert_eq!(ids, holders, "{options:?}: {}: {:?}", lock.name, waited.holders);
        for holder in sure {
            assert_eq!(holder.evidence.word(), lock.evidence, "{options:?}: {lock:?}");
        }
        assert_eq!(waited.holders.len(), lock.holders.len(), "{lock:?}: {:?}", waited.holders);
    }
}

#[test]
fn holders_are_found_and_the_evidence_is_as_good_as_it_is_said_to_be() {
    check(&BuildOptions::normal());
    check(&BuildOptions::normal().flag(STRIPPED));
}

#[test]
fn holders_are_found_in_unoptimised_programs() {
    check(&BuildOptions::normal().flag("-gcflags=all=-N -l"));
}

#[test]
fn holders_are_found_with_every_go() {
    let is_soak = std::env::var_os("PHOTOFINISH_SOAK").is_some();
    for pinned in PINNED.iter().take(if is_soak { PINNED.len() } else { 1 }) {
        let toolchain = go_toolchain_version(pinned.version);
        check(&BuildOptions::normal().with(&toolchain));
        check(&BuildOptions::normal().with(&toolchain).flag(STRIPPED));
    }
}
