//! Maps in use, on real programs of every Go, seen without a stop and with one.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::process::Command;
use std::time::Duration;

use photofinish_goprocess::{Process, Seen, Status};
use photofinish_inspect::{Approach, Look, MapUse, Maps};
use photofinish_testkit::{
    BuildOptions, PINNED, Running, build_go, go_toolchain_version, wait_for, workspace_root,
};

const PATIENCE: Duration = Duration::from_secs(60);
const TIME: Duration = Duration::from_millis(300);
const STRIPPED: &str = "-ldflags=-s -w";

fn start(mode: &str, options: &BuildOptions) -> Running {
    let folder = workspace_root().join("crates/live/inspect/tests/programs/mapuse");
    let running = Running::start(Command::new(build_go(folder, options)).arg(mode));
    running.wait_for_line(PATIENCE, "READY");
    running
}

fn told<'a>(output: &'a str, name: &str) -> &'a str {
    output.lines().find_map(|line| line.strip_prefix(name)).unwrap()
}

fn use_of<'a>(maps: &'a Maps, address: &str) -> Option<&'a MapUse> {
    maps.maps.iter().find(|map| map.map.is_some_and(|at| at.to_string() == address))
}

/// Whether each map has been seen with those who use it, and with nobody else.
fn is_as_told(maps: &Maps, output: &str) -> bool {
    let id = |name| -> Vec<u64> { vec![told(output, name).parse().unwrap()] };
    let expected = [
        ("items=", id("reader="), id("writer=")),
        ("prices=", id("global="), Vec::new()),
        ("walked=", id("walker="), Vec::new()),
    ];
    for map in &maps.maps {
        assert_eq!(map.together, None, "they are kept apart: {map:?}");
        let Some(address) = map.map.map(|at| at.to_string()) else { continue };
        let of = expected.iter().find(|(name, ..)| told(output, name) == address);
        // The program's own start is over: there are no other maps.
        let (_, readers, writers) = of.unwrap_or_else(|| panic!("{map:?} in {output}"));
        assert!(map.goroutines(false).iter().all(|id| readers.contains(id)), "{map:?}");
        assert!(map.goroutines(true).iter().all(|id| writers.contains(id) || readers.contains(id)));
    }
    expected.iter().all(|(name, readers, writers)| {
        use_of(maps, told(output, name)).is_some_and(|map| {
            map.goroutines(false).starts_with(readers) && map.goroutines(true) == *writers
        })
    })
}

fn assert_told(running: &Running, is_held: bool) {
    let process = Process::open(running.pid()).unwrap();
    let output = running.output();
    wait_for(PATIENCE, "all maps to be seen in use", || {
        let maps = Maps::watch(&process, TIME, is_held).unwrap();
        assert_eq!(is_held, !maps.held.is_empty());
        is_as_told(&maps, &output).then_some(())
    });
}

#[test]
fn every_map_is_told_with_its_readers_and_writers() {
    assert_told(&start("guarded", &BuildOptions::normal()), false);
    let stripped = start("guarded", &BuildOptions::normal().flag(STRIPPED));
    assert_told(&stripped, false);
    assert_told(&stripped, true);
}

#[test]
fn maps_of_every_go_are_told_in_stripped_programs_too() {
    let is_soak = std::env::var_os("PHOTOFINISH_SOAK").is_some();
    for pinned in PINNED.iter().take(if is_soak { PINNED.len() } else { 1 }) {
        let toolchain = go_toolchain_version(pinned.version);
        let options = BuildOptions::normal().with(&toolchain).flag(STRIPPED);
        assert_told(&start("guarded", &options), false);
    }
}

#[test]
fn two_in_one_map_at_the_same_time_are_told_so_with_a_stop_and_without() {
    let running = start("racy", &BuildOptions::normal().flag(STRIPPED));
    let process = Process::open(running.pid()).unwrap();
    let output = running.output();
    let id = |name| told(&output, name).parse::<u64>().unwrap();
    for is_held in [true, false] {
        let together = wait_for(PATIENCE, "both to be seen at the same time", || {
            let maps = Maps::watch(&process, TIME, is_held).unwrap();
            use_of(&maps, told(&output, "large="))?.together
        });
        assert_eq!(together, (id("writer="), id("reader=")));
    }
}

#[test]
fn goroutines_that_run_have_stacks_and_say_how_they_were_seen() {
    let running = start("guarded", &BuildOptions::normal().flag(STRIPPED));
    let process = Process::open(running.pid()).unwrap();
    let walker: u64 = told(&running.output(), "walker=").parse().unwrap();
    for (approach, seen, settled) in
        [(Approach::Sampled, Seen::Sample, false), (Approach::Still, Seen::Stop, true)]
    {
        let functions = wait_for(PATIENCE, "the walker to be seen running", || {
            let look = Look::take_by(&process, approach).unwrap();
            assert_eq!(look.held.is_some(), approach == Approach::Still);
            let goroutine = look.goroutine(walker)?;
            let is_it = goroutine.status == Status::Running && !goroutine.stack.is_empty();
            is_it.then(|| {
                assert_eq!((goroutine.seen, goroutine.settled), (seen, settled));
                let names = look.stack(goroutine).map(|line| line.frame.function.clone());
                names.collect::<Vec<String>>()
            })
        });
        assert!(functions.contains(&"main.walker".to_owned()), "{functions:?}");
    }
    let unseen = Look::take_by(&process, Approach::Unseen).unwrap();
    let runs = |status| status == Status::Running;
    assert!(
        unseen.goroutines.iter().filter(|one| runs(one.status)).all(|one| one.stack.is_empty())
    );
}
