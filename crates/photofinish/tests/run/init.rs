//! The manners of a good PID 1.

use crate::support::{House, child_of, finish_child, signal, text, until, wait_for};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn signals_are_passed_on_and_a_stop_is_no_crash() {
    let house = House::new();
    let mut command = house.run(&[], &["trap", "exit=4"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(run.stderr.take().unwrap()).lines();
    let mut expect = |wanted: &str| {
        wait_for(wanted, || talk.next().unwrap().unwrap().contains(wanted).then_some(()));
    };
    expect("ready");
    for (sent, got) in [
        (Signal::HUP, "got hangup"),
        (Signal::USR1, "got user defined signal 1"),
        (Signal::WINCH, "got window changed"),
        (Signal::TERM, "got terminated"),
    ] {
        signal(run.id(), sent);
        expect(got);
    }
    std::thread::spawn(move || talk.for_each(drop));
    assert_eq!(finish_child(run).status.code(), Some(4));
}

#[test]
fn a_program_that_will_not_stop_is_killed_after_a_while() {
    let house = House::new();
    let mut command = house.run(&["--stop-timeout=300ms"], &["deaf"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("deafness", || {
        child_of(run.id()).is_some_and(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            let status = status.unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
                .is_some_and(|mask| mask & (1 << 14) != 0)
        })
    });
    signal(run.id(), Signal::TERM);
    assert_eq!(finish_child(run).status.code(), Some(137));
}

#[test]
fn what_the_program_leaves_running_is_ended_and_its_races_stored() {
    let house = House::new();
    let output = crate::support::finish(
        &mut house.run(&["--stop-timeout=5s"], &["races=1", "orphan", "races=2", "trap"]),
    );
    assert!(text(&output.stderr).contains("started process"));
    assert!(house.counted() >= 1, "{}", text(&output.stderr));
    assert!(house.runs().is_empty(), "nobody is left who could write");
}

#[test]
fn as_pid_1_zombies_are_reaped() {
    let house = House::new();
    let may = Command::new("unshare").args(["-rpf", "--mount-proc", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: making a PID namespace needs root, or user namespaces to be allowed");
        return;
    }
    // A shell that leaves twenty orphans behind, which die at once, and then looks for zombies.
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
                  ( sleep 0.05 & ) ; done; sleep 0.6; grep -l '^State:.Z' /proc/[0-9]*/status; \
                  echo done; exit 9";
    let mut inner = house.command(&["--restart=no"]);
    inner.args(["--", "sh", "-c", script]);
    let mut command = Command::new("unshare");
    command.args(["-rpf", "--mount-proc"]).arg(inner.get_program()).args(inner.get_args());
    command.env("PHOTOFINISH_STORE", house.store()).env("PHOTOFINISH_SPOOL", house.spool());
    let output = crate::support::finish(&mut command);
    assert_eq!(text(&output.stdout), "done\n", "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(9));
}
