//! What is read of real Go programs, against what their own runtime says of them at the same time.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::process::{Command, Stdio};

use common::{compare, start, told};
use photofinish_goprocess::{LayoutSource, OpenError, Process, RuntimeAddr, Status, Wait, WaitOn};
use photofinish_testkit::{
    BuildOptions, PINNED, build_go, go_toolchain, go_toolchain_version, workspace_root,
};

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
fn a_program_that_has_only_just_been_started_is_waited_for() {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/parked");
    let program = build_go(&folder, &BuildOptions::normal());
    for _ in 0..20 {
        let mut command = Command::new(&program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let opened = Process::open(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        opened.unwrap();
    }
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

    for (on, name, n_waiting) in [
        (WaitOn::Mutex, "mutex=", 1),
        (WaitOn::RwMutex, "rwmutex=", 1),
        (WaitOn::WaitGroup, "group=", 1),
        (WaitOn::Cond, "cond=", 1),
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

#[test]
fn a_program_in_a_container_is_read_from_outside() {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/parked");
    let mut options = BuildOptions::normal().flag(STRIPPED);
    options.env.push(("CGO_ENABLED".to_owned(), "0".to_owned()));
    let root = photofinish_testkit::temp_dir();
    std::fs::copy(photofinish_testkit::build_go(folder, &options), root.path().join("api"))
        .unwrap();
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["--kill-child", "--pid", "--fork", "--mount", "chroot"]);
    let mut running = photofinish_testkit::Running::start(unshare.arg(root.path()).arg("/api"));
    // Its own root folder, and it believes to be process 1.
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let ready = photofinish_testkit::wait_for(common::PATIENCE, "the program or a refusal", || {
        let output = running.output();
        let refused = output.contains("unshare") || output.contains("chroot");
        (refused || output.contains("READY")).then_some(!refused)
    });
    if !ready {
        eprintln!("skipped: not allowed to make namespaces: {}", running.output());
        return;
    }
    let pid = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let process = Process::open(pid).unwrap();
    compare(&running, &process);
    let snapshot = process.snapshot().unwrap();
    let in_syscall = snapshot.goroutines.iter().find(|found| found.status == Status::Syscall);
    let tid = in_syscall.unwrap().thread.unwrap();
    let thread = snapshot.threads.iter().find(|found| found.tid == tid).unwrap();
    assert_ne!(thread.tid, thread.tid_inside);
    running.kill();
}

/// The same program with another version written into it.
fn claiming(version: &str, options: &BuildOptions) -> (photofinish_testkit::Running, String) {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/parked");
    let binary = photofinish_testkit::build_go(folder, options);
    let toolchain = options.toolchain.as_ref().unwrap_or_else(|| go_toolchain());
    let own = format!("go{}", toolchain.version);
    // Of the same length, so that nothing moves.
    let claimed = format!("{version}{}", ".".repeat(own.len() - version.len()));
    let mut bytes = std::fs::read(&binary).unwrap();
    for at in 0..bytes.len() - own.len() {
        if bytes[at..].starts_with(own.as_bytes()) {
            bytes[at..at + own.len()].copy_from_slice(claimed.as_bytes());
        }
    }
    let copy = binary.with_file_name(format!("claims-{version}"));
    let part = copy.with_extension("part");
    std::fs::write(&part, bytes).unwrap();
    std::fs::set_permissions(&part, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // By another process: one that has a program open for writing cannot be started from by its threads.
    let copied = std::process::Command::new("cp").args([&part, &copy]).status().unwrap();
    assert!(copied.success());
    let running = photofinish_testkit::Running::start(&mut std::process::Command::new(copy));
    running.wait_for_line(common::PATIENCE, "READY");
    (running, claimed)
}

#[test]
fn a_go_that_is_too_old_is_refused_by_name() {
    let (running, claimed) = claiming("go1.20", &BuildOptions::normal().flag(STRIPPED));
    let error = Process::open(running.pid()).unwrap_err();
    assert!(matches!(error, OpenError::TooOld { .. }), "{error:?}");
    assert!(error.to_string().contains(&claimed), "{error}");
    assert!(error.hint().unwrap().contains("1.21"));
}

#[test]
fn a_go_newer_than_known_is_tried_every_go_has_told_enough() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    let newest = go_toolchain_version(PINNED.last().unwrap().version);
    for options in [BuildOptions::normal(), BuildOptions::normal().flag(STRIPPED)] {
        let is_stripped = !options.flags.is_empty();
        let (running, _) = claiming("go1.99", &options.with(&newest));
        let process = open(&running);
        let source = if is_stripped { LayoutSource::Guess } else { LayoutSource::DebugInfo };
        assert_eq!(process.layout_source(), source);
        compare(&running, &process);
    }
}
