//! SIGKILL of `run` and of its child at random moments: what was printed is what is counted.

use crate::support::{
    House, child_of, finish_child, printed, racer, random, signal, until, wait_for,
};
use rustix::process::Signal;
use std::process::Stdio;
use std::time::Duration;

/// 12 here, 200 in the long run (`cargo xtask soak kill200`).
fn rounds() -> u64 {
    if std::env::var_os("PHOTOFINISH_SOAK").is_some() { 200 } else { 12 }
}

#[test]
fn whoever_is_killed_whenever_what_was_printed_is_what_is_counted() {
    let mut left = rounds();
    while left > 0 {
        // Kept spools are read again by each run, so they must not become too many.
        let here = left.min(20);
        left -= here;
        kill_at_random(&House::new(), here);
    }
}

fn kill_at_random(house: &House, rounds: u64) {
    let mut story = Vec::new();
    for _ in 0..rounds {
        let mut command = house.run(&["--keep-spool", "--restart=no"], &["slowly=2000"]);
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Two in three die while reports are being printed, the others at any moment.
        let pause = Duration::from_millis(random(300));
        if random(3) > 0 {
            let printed_before = printed(&house.spool());
            until("reports", || printed(&house.spool()) > printed_before);
        }
        std::thread::sleep(pause);
        let victim = match random(2) {
            0 => Some(run.id()),
            _ => child_of(run.id()),
        };
        story.push((pause, victim == Some(run.id())));
        if let Some(victim) = victim {
            signal(victim, Signal::KILL);
        } else {
            signal(run.id(), Signal::KILL);
        }
        wait_for("the end of run", || run.try_wait().unwrap());
    }
    until("orphans to die", || writers(house) == 0);
    house.next_run();
    let printed = printed(&house.spool());
    assert!(printed > 0, "the kills came too early to see anything: {story:?}");
    assert_eq!(house.counted(), printed, "{story:?}");
    house.next_run();
    assert_eq!(house.counted(), printed, "once more changes nothing");
}

#[test]
fn with_a_spool_that_is_cleaned_up_the_programs_own_ledger_agrees() {
    let house = House::new();
    let ledger = house.path("ledger");
    let word = format!("ledger={}", ledger.display());
    let rounds = rounds() / 2;
    for round in 0..rounds {
        let mut command = house.run(&["--restart=no"], &[&word, "slowly=2000"]);
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let written = || std::fs::metadata(&ledger).map_or(0, |ledger| ledger.len());
        let before = written();
        until("reports", || written() > before);
        std::thread::sleep(Duration::from_millis(random(300)));
        let victim = if round % 2 == 0 { Some(run.id()) } else { child_of(run.id()) };
        signal(victim.unwrap_or(run.id()), Signal::KILL);
        wait_for("the end of run", || run.try_wait().unwrap());
    }
    until("orphans to die", || writers(&house) == 0);
    house.next_run();
    let written = std::fs::metadata(&ledger).unwrap().len();
    let counted = house.counted();
    // The program may die between its report and its line in the ledger.
    assert!((written..=written + rounds).contains(&counted), "{counted} of {written}");
    assert_eq!(house.runs(), Vec::<std::path::PathBuf>::new(), "the spool is empty");
}

#[test]
fn a_program_whose_supervisor_is_killed_is_told_to_stop() {
    let house = House::new();
    let mut command = house.run(&[], &["trap"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let program = wait_for("the program", || child_of(run.id()).filter(|pid| is_racer(*pid)));
    signal(run.id(), Signal::KILL);
    finish_child(run);
    until("the program to stop", || !is_racer(program));
}

#[test]
fn an_orphan_that_lives_on_is_followed_by_the_next_run() {
    let house = House::new();
    // It ignores SIGTERM, so it survives its supervisor.
    let mut command = house.run(&[], &["deaf=3000", "races=5", "exit=0"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let program = wait_for("the program", || child_of(run.id()).filter(|pid| is_racer(*pid)));
    until("deafness", || ignores_term(program));
    signal(run.id(), Signal::KILL);
    run.wait().unwrap();
    house.next_run();
    assert_eq!(house.counted(), 0, "it has not raced yet");
    assert_eq!(house.runs().len(), 1, "its folder stays");
    until("its end", || !is_racer(program));
    house.next_run();
    assert_eq!(house.counted(), 5);
    assert!(house.runs().is_empty());
}

fn writers(house: &House) -> usize {
    let spool = house.spool().to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("environ")).ok())
        .filter(|environ| {
            let environ = String::from_utf8_lossy(environ).into_owned();
            environ.split('\0').any(|v| v.starts_with("GORACE=") && v.contains(&spool))
        })
        .count()
}

fn is_racer(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == racer())
}

fn ignores_term(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << 14) != 0)
}
