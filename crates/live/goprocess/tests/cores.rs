//! Core files: of a program that the kernel ended, and of one that `gcore` copied; and bytes that are none.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{PATIENCE, Told, seen, truth};
use photofinish_goprocess::{OpenError, Process, Status};
use photofinish_testkit::{BuildOptions, Running, build_go, temp_dir, workspace_root};

/// Where the kernel puts the core file of a process that runs in `folder`; `None` where it does not.
fn kernel_core(folder: &Path, pid: u32) -> Option<PathBuf> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let is_here = !pattern.starts_with('|') && !pattern.contains('/') && !pattern.contains('%');
    let with_pid = std::fs::read_to_string("/proc/sys/kernel/core_uses_pid").unwrap();
    let pid = if with_pid.trim() == "0" { String::new() } else { format!(".{pid}") };
    is_here.then(|| folder.join(format!("{}{pid}", pattern.trim())))
}

/// The program in `folder`, allowed to leave a core file and told to, and its core after SIGABRT.
fn aborted(folder: &Path, options: &BuildOptions) -> Option<(Running, PathBuf)> {
    let programs = workspace_root().join("crates/live/goprocess/tests/programs");
    let binary = build_go(programs.join("parked"), options);
    let mut shell = Command::new("sh");
    // `exec`, so that the program has the number that we know.
    shell.args(["-c", "ulimit -c unlimited && exec \"$0\""]).arg(binary).current_dir(folder);
    // After its own account of itself the runtime lets the kernel end it, with a core.
    shell.env("GOTRACEBACK", "crash");
    let mut running = Running::start(&mut shell);
    running.wait_for_line(PATIENCE, "READY");
    let core = kernel_core(folder, running.pid())?;
    let status = Command::new("kill").args(["-ABRT", &running.pid().to_string()]).status().unwrap();
    assert!(status.success());
    running.wait_for_end(PATIENCE);
    if !core.is_file() {
        return None;
    }
    Some((running, core))
}

fn compare(running: &Running, process: &Process) {
    let snapshot = process.snapshot().unwrap();
    let seen: BTreeMap<u64, Told> =
        snapshot.goroutines.iter().map(|found| (found.id, seen(process, found))).collect();
    let mut n_compared = 0;
    for (id, told) in truth(running).iter().filter(|(id, told)| **id != 1 && told.gap.is_none()) {
        // The goroutine in a system call may have been let go by a signal.
        if told.state != "syscall" {
            assert_eq!(seen.get(id), Some(told), "goroutine {id}");
            n_compared += 1;
        }
    }
    assert!(n_compared >= 20, "{n_compared}");
}

#[test]
fn a_core_of_the_kernel_tells_what_the_process_did() {
    for options in [
        BuildOptions::normal(),
        BuildOptions::normal().flag("-buildmode=pie").flag("-ldflags=-s -w"),
    ] {
        let folder = temp_dir();
        let Some((running, core)) = aborted(folder.path(), &options) else {
            eprintln!("skipped: this machine's kernel does not put core files beside a process");
            return;
        };
        let process = Process::open_core(&core, None).unwrap();
        assert_eq!(process.pid(), None);
        compare(&running, &process);
        cut_and_spoilt(&core, folder.path());
    }
}

#[test]
fn a_core_of_gcore_tells_what_the_process_did_and_what_ran() {
    // It writes all that Go has reserved: gigabytes.
    let gcore = Command::new("gcore").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if gcore.is_err() || std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set, or gcore (of gdb) is not installed");
        return;
    }
    let folder = temp_dir();
    let running = common::start("parked", &BuildOptions::normal().flag("-ldflags=-s -w"));
    let output = Command::new("gcore")
        .arg("-o")
        .arg(folder.path().join("core"))
        .arg(running.pid().to_string())
        .process_group(0)
        .output()
        .unwrap();
    let core = folder.path().join(format!("core.{}", running.pid()));
    assert!(core.is_file(), "{output:?}");
    let process = Process::open_core(&core, None).unwrap();
    compare(&running, &process);
    let snapshot = process.snapshot().unwrap();
    assert!(snapshot.threads.len() > 2, "{:?}", snapshot.threads);
    let in_syscall = snapshot.goroutines.iter().find(|found| found.status == Status::Syscall);
    let thread = in_syscall.unwrap().thread.unwrap();
    assert!(snapshot.threads.iter().any(|found| found.tid == thread));
}

/// The same core, cut and spoilt: an error or less, and soon.
fn cut_and_spoilt(core: &Path, folder: &Path) {
    let whole = std::fs::read(core).unwrap();
    let other = folder.join("other");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 1).unwrap()
    };
    for round in 0..12 {
        let mut bytes = whole.clone();
        if round % 2 == 0 {
            bytes.truncate(next() % whole.len());
        } else {
            let reach = if round % 4 == 1 { 4096 } else { whole.len() };
            for _ in 0..1 + round * round {
                bytes[next() % reach] = next() as u8;
            }
        }
        std::fs::write(&other, bytes).unwrap();
        if let Ok(process) = Process::open_core(&other, None)
            && let Ok(snapshot) = process.snapshot()
        {
            for pc in snapshot.goroutines.iter().flat_map(|found| &found.stack) {
                process.frames(*pc);
            }
        }
    }
}

#[test]
fn what_is_no_core_file_is_said_to_be_none() {
    let folder = temp_dir();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "remember the milk\n".repeat(100)).unwrap();
    let program = std::env::current_exe().unwrap();
    for (path, what) in [(text, "is not an ELF file"), (program, "not a core file")] {
        let error = Process::open_core(&path, None).unwrap_err();
        assert!(matches!(error, OpenError::Elf { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some());
    }
    let error = Process::open_core(&folder.path().join("absent"), None).unwrap_err();
    assert!(error.hint().unwrap().contains("process number"), "{error}");
}
