//! `photofinish inspect` over time: held still, watched, dumped, recorded.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use photofinish_testkit::{BuildOptions, Running, build_go, temp_dir, wait_until, workspace_root};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn start(program: &str) -> Running {
    let folder = workspace_root().join("crates/live").join(program);
    let running = Running::start(&mut Command::new(build_go(folder, &BuildOptions::normal())));
    running.wait_for_line(PATIENCE, "READY");
    running
}

fn inspect(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.arg("inspect").args(arguments).env("NO_COLOR", "1");
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(arguments: &[&str]) -> (String, String) {
    let (code, stdout, stderr) = told(&inspect(arguments).output().unwrap());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    (stdout, stderr)
}

fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&run(&all).0).unwrap()
}

/// Whether no thread of `pid` is held.
fn goes_on(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let state = |path: &Path| std::fs::read_to_string(path.join("stat")).unwrap_or_default();
    tasks.flatten().all(|task| {
        let stat = state(&task.path());
        let letter = stat.rsplit(") ").next().unwrap_or_default().chars().next();
        !matches!(letter, Some('t' | 'T'))
    })
}

#[test]
fn a_process_held_still_is_settled_and_goes_on() {
    let churn = start("goprocess/tests/programs/churn");
    let pid = churn.pid().to_string();
    let (stdout, stderr) = run(&[&pid, "--stop", "--format", "json"]);
    assert!(stderr.contains("the process stood still for ") && stderr.contains(" ms"), "{stderr}");
    let goroutines: Value = serde_json::from_str(&stdout).unwrap();
    let goroutines = goroutines.as_array().unwrap();
    assert!(goroutines.len() > 1100);
    let moving = |one: &&Value| one["settled"] != true && one["status"] != "copystack";
    assert_eq!(goroutines.iter().find(moving), None);
    assert!(goes_on(churn.pid()));
    let n_lines = churn.output().lines().count();
    wait_until(PATIENCE, "more meetings", || churn.output().lines().count() > n_lines + 1);
}

#[test]
fn a_process_goes_on_when_we_are_killed_while_it_is_held() {
    let churn = start("goprocess/tests/programs/churn");
    let pid = churn.pid().to_string();
    let n_rounds = if std::env::var_os("PHOTOFINISH_SOAK").is_some() { 100 } else { 20 };
    let mut n_held = 0;
    for round in 0..n_rounds {
        let view = if round % 2 == 0 { "maps" } else { "goroutines" };
        let mut child = inspect(&[&pid, view, "--stop", "--watch", "0.001"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not before it has held the process once; then at any moment.
        let start = Instant::now();
        while goes_on(churn.pid()) {
            assert!(start.elapsed() < PATIENCE, "it was never held");
        }
        std::thread::sleep(Duration::from_micros(337 * round));
        n_held += usize::from(!goes_on(churn.pid()));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until(PATIENCE, "all threads to go on", || goes_on(churn.pid()));
    }
    eprintln!("{n_held} of {n_rounds} were killed while they held it, or just before");
    let n_lines = churn.output().lines().count();
    wait_until(PATIENCE, "more meetings", || churn.output().lines().count() > n_lines + 1);
}

/// What does not change from one look at a parked process to the next.
fn lasting(goroutines: &Value) -> Vec<Value> {
    let waiting = |one: &&Value| one["status"] == "waiting" && one["system"] == false;
    let lasting = |one: &Value| {
        let mut one = one.clone();
        for changing in ["waited_at_least_ms", "cpu", "numa_node"] {
            one.as_object_mut().unwrap().remove(changing);
        }
        one
    };
    goroutines.as_array().unwrap().iter().filter(waiting).map(lasting).collect()
}

#[test]
fn a_dump_tells_later_and_elsewhere_what_the_process_told() {
    let folder = temp_dir();
    let path = folder.path().join("parked.dump");
    let file = path.to_str().unwrap();
    let mut parked = start("goprocess/tests/programs/parked");
    let pid = parked.pid().to_string();
    let live = json(&[&pid]);
    let (stdout, stderr) = run(&[&pid, "--dump", file, "--for", "50ms"]);
    assert!(stdout.is_empty() && stderr.contains(" goroutines in "), "{stderr}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    parked.kill();

    let kept = json(&[file]);
    assert_eq!(lasting(&kept), lasting(&live));
    assert!(lasting(&kept).len() >= 20);
    let text = run(&[file, "--group-by", "start", "--with", "user"]).0;
    assert!(text.contains(&format!("process {pid}")) && text.contains("dumped "), "{text}");
    let one = json(&[file, "--with", "function=main.send"])[0]["id"].to_string();
    let text = run(&[file, "goroutine", &one]).0;
    assert!(text.contains("main.send") && text.contains("from a dump"), "{text}");
    assert!(run(&[file, "threads"]).0.contains("in a system call"));
    assert!(run(&[file, "maps"]).0.contains("nobody was seen inside a map"));
    let output = inspect(&[file, "deadlocks"]).output().unwrap();
    let (code, text, _) = told(&output);
    assert_eq!(code, Some(1), "it waits on nil channels on purpose");
    assert!(text.contains("leak of"), "{text}");
    let (code, _, stderr) = told(&inspect(&[file, "--watch"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("only a process that runs can be watched"), "{stderr}");
}

#[test]
fn a_dump_that_is_cut_or_spoilt_is_refused_with_what_to_do() {
    let folder = temp_dir();
    let (path, spoilt) = (folder.path().join("whole"), folder.path().join("spoilt"));
    let parked = start("goprocess/tests/programs/parked");
    let pid = parked.pid().to_string();
    run(&[&pid, "--dump", path.to_str().unwrap(), "--for", "10ms"]);
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&spoilt, bytes).unwrap();
        let (code, stdout, stderr) = told(&inspect(&[spoilt.to_str().unwrap()]).output().unwrap());
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("spoilt") && stderr.contains("try: "), "{stderr}");
        stderr
    };
    for part in 1..16 {
        refused(&whole[..whole.len() * part / 16]);
    }
    for place in (8..whole.len()).step_by(whole.len() / 24) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        refused(&bytes);
    }
    let mut newer = whole.clone();
    newer[8] = 99;
    assert!(refused(&newer).contains("version 99"));
}

#[test]
fn a_dump_that_does_not_fit_leaves_what_was_there() {
    let folder = temp_dir();
    let path = folder.path().join("kept");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "the last one").unwrap();
    let parked = start("goprocess/tests/programs/parked");
    // Files may have a block and no more: as a full disk, but that the error is another.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_photofinish"), "inspect"])
        .args([&parked.pid().to_string(), "--dump", file, "--for", "10ms"])
        .output()
        .unwrap();
    let (code, _, stderr) = told(&output);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("cannot write the dump"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "the last one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half is left");
}

#[test]
fn watching_tells_what_changed_until_the_process_ends() {
    let mut churn = start("goprocess/tests/programs/churn");
    let pid = churn.pid().to_string();
    let mut child = inspect(&[&pid, "--watch", "0.05", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let first = next();
    assert!(first["goroutines"].as_u64().unwrap() > 1000, "{first}");
    assert_eq!(first["new"], Value::Array(Vec::new()), "nothing is new in the first look");
    let changes = |look: &Value| look["groups"].as_array().unwrap().len();
    let changed = (0..200).map(|_| next()).find(|look| changes(look) > 0).unwrap();
    let group = &changed["groups"][0];
    assert!(group["before"] != group["now"] && group["group"].is_string(), "{changed}");
    churn.kill();
    for line in lines {
        line.unwrap();
    }
    let (code, _, stderr) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("the process has ended"), "{stderr}");
}

#[test]
fn deadlocks_and_leaks_recorded_twice_are_findings_seen_twice() {
    let folder = temp_dir();
    let store = folder.path().join("findings.db");
    let stuck = start("inspect/tests/programs/stuck");
    let pid = stuck.pid().to_string();
    for what in ["new finding", "known finding"] {
        let output = inspect(&[&pid, "deadlocks", "--record", "--service", "bank"])
            .env("PHOTOFINISH_STORE", &store)
            .output()
            .unwrap();
        let (code, _, stderr) = told(&output);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.matches(what).count() >= 4, "{stderr}");
    }
    let findings = Command::new(env!("CARGO_BIN_EXE_photofinish"))
        .args(["findings", "list", "--format", "json"])
        .env("PHOTOFINISH_STORE", &store)
        .output()
        .unwrap();
    let findings: Value = serde_json::from_slice(&findings.stdout).unwrap();
    let of = |kind: &str| {
        let all = findings.as_array().unwrap().iter();
        all.filter(|finding| finding["kind"] == kind).cloned().collect::<Vec<Value>>()
    };
    assert_eq!(of("deadlock").len(), 2, "{findings}");
    assert!(of("goroutine-leak").len() >= 2, "{findings}");
    for finding in of("deadlock") {
        assert_eq!((&finding["count"], &finding["sources"]["inspect"]), (&2.into(), &2.into()));
    }
    let (code, _, stderr) = told(&inspect(&[&pid, "threads", "--record"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("deadlocks --record"), "{stderr}");
}
