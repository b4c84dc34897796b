//! Probes of ours in another process, while threads of ours end and we are killed.
//!
//! A thread that ends by itself and is told to die meanwhile may be the last that has the descriptors open.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stdout, reason = "one process of the test tells another")]

use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::process::Command;
use std::time::Duration;

use photofinish_sys::mappings;
use photofinish_sys::trace::{Probe, ProbeProgram, StopProgram};
use photofinish_testkit::{Running, may_catch, wait_until};

/// The kernel takes back what was planted in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[inline(never)]
fn landing<const N: u32>(number: u32) -> u32 {
    black_box(number) + N
}

macro_rules! landings {
    ($($n:literal)*) => { [$(landing::<$n> as fn(u32) -> u32),*] };
}

/// Where probes go, in the program of process `pid`, which is this one, too.
fn places(pid: u32) -> Vec<(u64, u64)> {
    let mine = mappings(std::process::id()).unwrap();
    let theirs = mappings(pid).unwrap();
    let landings = landings!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23);
    let place = |landing: fn(u32) -> u32| {
        let address = landing as usize as u64;
        let text = mine.iter().find(|text| (text.start..text.end).contains(&address)).unwrap();
        let offset = address - text.start + text.offset;
        let same = |other: &&photofinish_sys::Mapping| {
            other.path == text.path && other.offset == text.offset
        };
        (theirs.iter().find(same).unwrap().start + offset - text.offset, offset)
    };
    landings.into_iter().map(place).collect()
}

fn code_of(pid: u32, places: &[(u64, u64)]) -> Vec<u8> {
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut code = vec![0; places.len()];
    for (byte, (address, _)) in code.iter_mut().zip(places) {
        memory.read_exact_at(std::slice::from_mut(byte), *address).unwrap();
    }
    code
}

/// This test again, in a process of its own.
fn again(role: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    Running::start(command.args(["--exact", NAME, "--nocapture"]).env("ROLE", role))
}

/// Until whoever started this process kills it, or is gone.
fn stay() {
    let parent = parent_id();
    while parent_id() == parent {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Plants probes in process `pid`, and has threads end until it is killed.
fn plant(pid: u32) {
    let stop = StopProgram::load(pid).unwrap();
    let program = ProbeProgram::load(pid, &stop).unwrap();
    let probes: Vec<Probe> = places(pid)
        .into_iter()
        .enumerate()
        .map(|(number, (_, offset))| Probe { offset, number })
        .collect();
    let planting = program.in_thread(move |program| {
        let _planted = program.plant(&probes).unwrap();
        println!("planted");
        stay();
    });
    for _ in 0..4 {
        std::thread::spawn(|| {
            loop {
                std::thread::spawn(|| ()).join().unwrap();
            }
        });
    }
    planting.unwrap().join().unwrap();
}

const NAME: &str = "whoever_is_killed_while_threads_end_leaves_no_probe_behind";

#[test]
fn whoever_is_killed_while_threads_end_leaves_no_probe_behind() {
    match std::env::var("ROLE").ok().as_deref() {
        Some("target") => {
            println!("here");
            return stay();
        }
        Some(pid) => return plant(pid.parse().unwrap()),
        None => {}
    }
    if !may_catch() {
        return;
    }
    let target = again("target");
    target.wait_for_line(PATIENCE, "here");
    let places = places(target.pid());
    let code = || code_of(target.pid(), &places);
    let before = code();
    for round in 0..100 {
        let mut killed = again(&target.pid().to_string());
        killed.wait_for_line(PATIENCE, "planted");
        // Another moment of the threads' ends each time.
        std::thread::sleep(Duration::from_millis(5) + Duration::from_micros(37 * round));
        assert_ne!(code(), before);
        killed.kill();
        wait_until(PATIENCE, "the code is what it was", || code() == before);
    }
}
