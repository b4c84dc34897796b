//! Probes of ours in another process, while threads of ours end and we are killed.
//!
//! A thread that ends by itself and is told to die meanwhile may be the last that has the descriptors open.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stdout, reason = "one process of the test tells another")]

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use photofinish_sys::mappings;
use photofinish_sys::trace::{Probe, ProbeProgram, StopProgram};
use photofinish_testkit::may_catch;

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

fn again(test: &str, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("ROLE", role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for_line(child: &mut Child, text: &str) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).find(|line| line.contains(text)).unwrap();
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
        std::thread::sleep(Duration::from_secs(60));
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

#[test]
fn whoever_is_killed_while_threads_end_leaves_no_probe_behind() {
    const NAME: &str = "whoever_is_killed_while_threads_end_leaves_no_probe_behind";
    match std::env::var("ROLE").ok().as_deref() {
        Some("sleep") => {
            println!("sleeping");
            std::thread::sleep(Duration::from_secs(600));
            return;
        }
        Some(pid) => return plant(pid.parse().unwrap()),
        None => {}
    }
    if !may_catch() {
        return;
    }
    let mut target = again(NAME, "sleep");
    wait_for_line(&mut target, "sleeping");
    let mut there = places(target.id());
    let before = code_of(target.id(), &there);
    let mut left = 0;
    let rounds = 100;
    for round in 0..rounds {
        let mut killed = again(NAME, &target.id().to_string());
        wait_for_line(&mut killed, "planted");
        std::thread::sleep(Duration::from_millis(5) + Duration::from_micros(37 * round));
        assert_ne!(code_of(target.id(), &there), before);
        killed.kill().unwrap();
        killed.wait().unwrap();
        let since = Instant::now();
        while code_of(target.id(), &there) != before && since.elapsed().as_secs() < 2 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let now = code_of(target.id(), &there);
        if now != before {
            left += 1;
            target.kill().unwrap();
            target.wait().unwrap();
            target = again(NAME, "sleep");
            wait_for_line(&mut target, "sleeping");
            there = places(target.id());
        }
    }
    target.kill().unwrap();
    target.wait().unwrap();
    assert_eq!(left, 0, "of {rounds}");
}
