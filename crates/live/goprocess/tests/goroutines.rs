//! What is read of real Go programs, against what their own runtime says of them at the same time.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{compare, start, told};
use photofinish_goprocess::{LayoutSource, Process, RuntimeAddr, Status, Wait, WaitOn};
use photofinish_testkit::{BuildOptions, PINNED, go_toolchain_version};

/// What a stripped build is given.
const STRIPPED: &str = "-ldflags=-s -w";

fn open(running: &photofinish_testkit::Running) -> Process {
    Process::open(running.pid()).unwrap()
}

#[test]
fn every_goroutine_is_as_the_runtime_itself_says() {
    let running = start("parked", &BuildOptions::normal());
    let process = open(&running);
    assert_eq!(process.layout_source(), LayoutSource::DebugInfo);
    compare(&running, &process);
}

#[test]
fn a_stripped_program_tells_as_much() {
    let running = start("parked", &BuildOptions::normal().flag(STRIPPED));
    let process = open(&running);
    assert_eq!(process.layout_source(), LayoutSource::Table);
    compare(&running, &process);
}

#[test]
fn a_program_without_debug_information_or_without_symbols_tells_as_much() {
    for flag in ["-ldflags=-w", "-ldflags=-s"] {
        let running = start("parked", &BuildOptions::normal().flag(flag));
        compare(&running, &open(&running));
    }
}

#[test]
fn a_position_independent_program_tells_as_much_stripped_too() {
    let pie = BuildOptions::normal().flag("-buildmode=pie");
    for options in [pie.clone(), pie.flag(STRIPPED)] {
        let running = start("parked", &options);
        let process = open(&running);
        assert_ne!(process.bias().0, 0);
        compare(&running, &process);
    }
}

#[test]
fn a_trimmed_program_tells_as_much() {
    let running = start("parked", &BuildOptions::normal().flag("-trimpath"));
    compare(&running, &open(&running));
}

#[test]
fn a_program_that_calls_c_tells_as_much_linked_either_way() {
    let options = BuildOptions::normal().tag("calls_c");
    for options in [options.clone(), options.flag("-ldflags=-s -w -linkmode=external")] {
        let running = start("parked", &options);
        compare(&running, &open(&running));
    }
}

#[test]
fn a_race_build_tells_as_much() {
    let running = start("parked", &BuildOptions::race());
    compare(&running, &open(&running));
}

#[test]
fn the_oldest_go_tells_as_much_stripped_too() {
    let toolchain = go_toolchain_version("1.21");
    for options in [BuildOptions::normal(), BuildOptions::normal().flag(STRIPPED)] {
        let running = start("parked", &options.with(&toolchain));
        compare(&running, &open(&running));
        labels_and_waits_are_right(&running);
    }
}

#[test]
fn every_go_from_1_21_on_tells_as_much_stripped_too() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    for pinned in PINNED {
        let toolchain = go_toolchain_version(pinned.version);
        let pie = BuildOptions::normal().flag("-buildmode=pie");
        for options in
            [BuildOptions::normal(), BuildOptions::normal().flag(STRIPPED), pie.flag(STRIPPED)]
        {
            let running = start("parked", &options.with(&toolchain));
            compare(&running, &open(&running));
            labels_and_waits_are_right(&running);
        }
    }
}

#[test]
fn labels_locks_channels_and_threads_are_told() {
    let running = start("parked", &BuildOptions::normal().flag(STRIPPED));
    labels_and_waits_are_right(&running);
}

fn labels_and_waits_are_right(running: &photofinish_testkit::Running) {
    let process = open(running);
    let snapshot = process.snapshot().unwrap();
    let labelled: Vec<_> =
        snapshot.goroutines.iter().filter(|found| !found.labels.is_empty()).collect();
    let [labelled] = labelled[..] else { panic!("{labelled:?}") };
    let mut labels = labelled.labels.to_vec();
    labels.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(labels, [pair("kind", "labelled"), pair("tenant", "eu-7")]);

    let address = |name| {
        let hex = told(running, name);
        RuntimeAddr(u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap())
    };
    let sends = address("sends=");
    let waits = |found: &&photofinish_goprocess::Goroutine| {
        found.waits.contains(&Wait { on: WaitOn::Channel, address: sends })
    };
    let on_sends: Vec<_> = snapshot.goroutines.iter().filter(waits).collect();
    let reasons: Vec<_> =
        on_sends.iter().map(|found| found.wait_reason.as_deref().unwrap()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "chan send").count(), 3, "{reasons:?}");
    let select = on_sends.iter().find(|found| found.wait_reason.as_deref() == Some("select"));
    assert_eq!(select.unwrap().waits.len(), 3);

    let minor = process.build().minor().unwrap();
    for (on, name, n_waiting) in [
        (WaitOn::Mutex, "mutex=", 1),
        (WaitOn::RwMutex, "rwmutex=", 1),
        (WaitOn::WaitGroup, "group=", 1),
        // To Go 1.25 a Cond's waiters are not in any table.
        (WaitOn::Cond, "cond=", usize::from(minor >= 26)),
    ] {
        let wait = Wait { on, address: address(name) };
        let waiting = snapshot.goroutines.iter().filter(|found| found.waits == [wait]).count();
        assert_eq!(waiting, n_waiting, "{name}");
    }
    // Whoever wants to write waits for the mutex inside, at the same address.
    let inside = Wait { on: WaitOn::Mutex, address: address("rwmutex=") };
    assert!(snapshot.goroutines.iter().any(|found| found.waits == [inside]));

    let in_syscall = snapshot.goroutines.iter().find(|found| found.status == Status::Syscall);
    let thread = in_syscall.unwrap().thread.unwrap();
    assert!(snapshot.threads.iter().any(|found| found.tid == thread && found.cpu.is_some()));
}
