//! Looks that follow each other, on a real program.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::process::Command;
use std::time::{Duration, Instant};

use photofinish_goprocess::Process;
use photofinish_inspect::{GroupBy, Look, Watch};
use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

fn start(program: &str) -> Running {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs").join(program);
    let running = Running::start(&mut Command::new(build_go(folder, &BuildOptions::normal())));
    running.wait_for_line(Duration::from_secs(60), "READY");
    running
}

#[test]
fn goroutines_that_stand_have_waited_since_they_were_first_seen_so() {
    let parked = start("parked");
    let process = Process::open(parked.pid()).unwrap();
    let mut watch = Watch::new(GroupBy::Place);
    let start = Instant::now();
    let hour = Duration::from_secs(3600);
    for n_hours in 0..3 {
        let mut look = Look::take(&process).unwrap();
        let changes = watch.next(&mut look, start + hour * n_hours);
        let sends: Vec<_> = look
            .goroutines
            .iter()
            .filter(|one| one.wait_reason.as_deref() == Some("chan send"))
            .collect();
        assert_eq!(sends.len(), 3);
        let seen = u64::try_from((hour * n_hours).as_nanos()).unwrap();
        assert!(sends.iter().all(|one| one.waited_at_least.unwrap_or(0) >= seen), "{sends:?}");
        assert!(changes.new.is_empty() && changes.gone.is_empty(), "{changes:?}");
    }
}

#[test]
fn goroutines_in_motion_are_told_as_new_gone_and_elsewhere() {
    let churn = start("churn");
    let process = Process::open(churn.pid()).unwrap();
    let mut watch = Watch::new(GroupBy::State);
    let (mut n_new, mut n_gone, mut n_moved) = (0, 0, 0);
    for look_idx in 0..200 {
        let mut look = Look::take(&process).unwrap();
        let changes = watch.next(&mut look, Instant::now());
        assert!(look_idx > 0 || changes.is_empty(), "{changes:?}");
        for id in changes.new.iter().chain(&changes.moved) {
            assert!(look.goroutine(*id).is_some());
        }
        assert!(changes.gone.iter().all(|id| look.goroutine(*id).is_none()));
        assert!(changes.groups.iter().all(|group| group.before != group.now));
        n_new += changes.new.len();
        n_gone += changes.gone.len();
        n_moved += changes.moved.len();
        if n_new > 0 && n_gone > 0 && n_moved > 0 {
            return;
        }
    }
    panic!("{n_new} new, {n_gone} gone, {n_moved} moved");
}
