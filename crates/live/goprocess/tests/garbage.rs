//! Programs that are cut, or in which bits are not what they were: an error or less, soon, in bounded memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use photofinish_goprocess::{Binary, Limits, LoadBias, Origin, Process, Values};
use photofinish_sys::ForeignMemory;
use photofinish_testkit::BuildOptions;

/// Everything that is read of a program, by way of a process that runs another copy of it.
fn read_all(path: &Path, pid: u32) -> bool {
    let Ok(binary) = Binary::open(path, path) else { return false };
    let memory = Box::new(ForeignMemory::open(pid).unwrap());
    let opened = Process::assemble(Origin::Live(pid), memory, Arc::new(binary), LoadBias(0));
    let Ok(process) = opened else { return false };
    let Ok(snapshot) = process.snapshot() else { return false };
    let values = Values::open(&process, Limits::default());
    for goroutine in &snapshot.goroutines {
        for pc in &goroutine.stack {
            process.frames(*pc);
        }
        values.of(goroutine, |_| true);
    }
    let _ = process.unreachable(&snapshot.goroutines);
    true
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_program_cut_at_every_64th_gives_an_error_or_less() {
    for flags in ["-ldflags=", "-ldflags=-s -w"] {
        let running = common::start("parked", &BuildOptions::normal().flag(flags));
        let whole = std::fs::read(format!("/proc/{}/exe", running.pid())).unwrap();
        let folder = photofinish_testkit::temp_dir();
        let path = folder.path().join("program");
        for part in 0..64 {
            let start = Instant::now();
            std::fs::write(&path, &whole[..whole.len() * part / 64]).unwrap();
            read_all(&path, running.pid());
            assert!(start.elapsed() < Duration::from_secs(30), "{part}: {:?}", start.elapsed());
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(read_all(&path, running.pid()), "the whole one is read");
    }
    assert!(peak() < 1 << 30, "{} bytes", peak());
}

#[test]
fn a_bit_turned_in_each_header_and_anywhere_gives_an_error_or_less() {
    let running = common::start("parked", &BuildOptions::normal());
    let whole = std::fs::read(format!("/proc/{}/exe", running.pid())).unwrap();
    let folder = photofinish_testkit::temp_dir();
    let path = folder.path().join("program");
    std::fs::write(&path, &whole).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let turn = |at: usize, byte: u8| {
        std::os::unix::fs::FileExt::write_all_at(&file, &[byte], at as u64).unwrap();
    };
    // The ELF header and its program headers; then spread over the file, the section headers among it.
    let headers = (0..448).step_by(9);
    let spread = (0..whole.len()).step_by(whole.len() / 24);
    let sections = (whole.len() - 2048..whole.len()).step_by(131);
    for (round, at) in headers.chain(spread).chain(sections).enumerate() {
        turn(at, whole[at] ^ 1 << (round % 8));
        let start = Instant::now();
        read_all(&path, running.pid());
        assert!(start.elapsed() < Duration::from_secs(30), "{at}: {:?}", start.elapsed());
        turn(at, whole[at]);
    }
    assert!(read_all(&path, running.pid()), "as it was, it is read");
    assert!(peak() < 1 << 30, "{} bytes", peak());
}
