//! `photofinish inspect` as a user meets it: what it says of a real Go process, and how it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// The program that waits in every way there is, and says so itself; stripped, which is the hard case.
fn parked() -> Running {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/parked");
    let binary = build_go(folder, &BuildOptions::normal().flag("-ldflags=-s -w"));
    let running = Running::start(&mut Command::new(binary));
    running.wait_for_line(PATIENCE, "READY");
    running
}

fn inspect(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.arg("inspect").args(arguments).env("NO_COLOR", "1");
    command
}

fn run(running: &Running, arguments: &[&str]) -> String {
    let pid = running.pid().to_string();
    let mut all = vec![pid.as_str()];
    all.extend(arguments);
    let (code, stdout, stderr) = told(&inspect(&all).output().unwrap());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout
}

fn json(running: &Running, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&run(running, &all)).unwrap()
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Number, state and functions of each goroutine in the program's own dump.
fn dump(running: &Running) -> BTreeMap<u64, (String, Vec<String>)> {
    let output = running.output();
    let dump = output.split_once("DUMP\n").unwrap().1.split_once("END\n").unwrap().0;
    let mut goroutines = BTreeMap::new();
    for block in dump.split("\n\n").filter(|block| !block.contains("frames elided")) {
        let (head, frames) = block.trim().split_once('\n').unwrap();
        let (id, state) = head.strip_prefix("goroutine ").unwrap().split_once(" [").unwrap();
        let state = state.trim_end_matches("]:").split(", ").next().unwrap().to_owned();
        let functions = frames
            .lines()
            .filter(|line| !line.starts_with('\t') && !line.starts_with("created by"))
            .map(|line| line[..line.rfind('(').unwrap()].to_owned());
        goroutines.insert(id.parse().unwrap(), (state, functions.collect()));
    }
    goroutines
}

#[test]
fn the_json_of_all_goroutines_says_what_the_program_says_itself() {
    let running = parked();
    let json = json(&running, &["goroutines"]);
    let seen: BTreeMap<u64, &Value> =
        json.as_array().unwrap().iter().map(|one| (one["id"].as_u64().unwrap(), one)).collect();
    let mut n_compared = 0;
    for (id, (state, functions)) in dump(&running).iter().filter(|(id, _)| **id != 1) {
        let one = seen[id];
        let said = one["wait_reason"].as_str().unwrap_or_else(|| one["status"].as_str().unwrap());
        assert_eq!(said, state, "{one}");
        let stack: Vec<&str> = one["stack"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| frame["function"].as_str().unwrap())
            .collect();
        assert_eq!(stack, *functions, "{one}");
        assert_eq!(one["settled"], true);
        assert_eq!(one["created_by"]["goroutine"], 1);
        assert!(one["created_by"]["line"].as_u64().unwrap() > 0, "{one}");
        n_compared += 1;
    }
    assert!(n_compared >= 20, "{n_compared}");
    let main = seen[&1];
    assert_eq!(main["start_function"], "runtime.main");
    assert_eq!(main["created_by"], Value::Null);
}

#[test]
fn filters_choose_and_start_functions_are_the_users() {
    let running = parked();
    let all = json(&running, &[]).as_array().unwrap().len();
    let of = |arguments: &[&str]| json(&running, arguments).as_array().unwrap().clone();
    let users = of(&["--with", "user"]);
    let system = of(&["--without", "user"]);
    assert_eq!(users.len() + system.len(), all);
    assert!(system.iter().all(|one| one["system"] == true) && !system.is_empty());
    let sends = of(&["--with", "waitreason=chan send", "--without", "waitreason=nil chan"]);
    assert_eq!(sends.len(), 3);
    assert!(sends.iter().all(|one| one["start_function"] == "main.send"), "{sends:?}");
    let labelled = of(&["--with", "label=tenant=eu-7"]);
    assert_eq!(labelled.len(), 1);
    assert_eq!(labelled[0]["labels"]["kind"], "labelled");
    assert!(of(&["--with", "label=tenant=us"]).is_empty());
    assert_eq!(of(&["--with", "function=main.deep"]).len(), 2);
    assert_eq!(of(&["--with", "running"]).len(), 1, "the one in read(2)");
    assert_eq!(of(&["--limit", "2"]).len(), 2);
}

#[test]
fn many_goroutines_are_grouped_and_few_are_not() {
    let running = parked();
    let list = run(&running, &["--group-by", "none"]);
    assert!(list.starts_with("parked (process "), "{list}");
    assert!(list.contains("chan receive (nil chan)") && list.contains("tenant=eu-7"), "{list}");
    let groups = run(&running, &["--group-by", "start", "--limit", "1"]);
    assert!(groups.contains(" main.receive  ") && groups.contains("more groups"), "{groups}");
    let stacks = run(&running, &["--with", "function=main.caller", "--stacks"]);
    assert!(stacks.contains("main.twice (inlined)"), "{stacks}");
    assert!(!stacks.contains("runtime.gopark"), "{stacks}");
    let inside = run(&running, &["--with", "function=main.caller", "--stacks", "--all-frames"]);
    assert!(inside.contains("runtime.gopark"), "{inside}");
}

#[test]
fn one_goroutine_is_shown_with_its_source_and_its_company() {
    let running = parked();
    let sends = json(&running, &["--with", "function=main.send"]);
    let (one, other) = (&sends[0], &sends[1]);
    let id = one["id"].to_string();
    let shown = run(&running, &["goroutine", &id]);
    assert!(shown.starts_with(&format!("goroutine {id}  chan send")), "{shown}");
    assert!(shown.contains("func send(n int)    { sends <- n }"), "its source line: {shown}");
    assert!(
        shown.contains("waits to send to channel 0x") && shown.contains(" of int, "),
        "{shown}"
    );
    assert!(shown.contains("2 others wait to send to it: "), "{shown}");
    let value = json(&running, &["goroutine", &id]);
    let waiting = value["company"][0]["waiting"].as_array().unwrap();
    assert!(waiting.contains(&other["id"]), "{value}");
}

/// The program that says itself what its variables hold, with debug information.
fn values(options: &BuildOptions) -> Running {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/values");
    let running = Running::start(&mut Command::new(build_go(folder, options)));
    running.wait_for_line(PATIENCE, "READY");
    running
}

/// The goroutine that has this function on its stack.
fn in_function(running: &Running, function: &str) -> String {
    let found = json(running, &["--with", &format!("function={function}")]);
    found[0]["id"].to_string()
}

#[test]
fn arguments_and_locals_stand_below_their_frames() {
    let running = values(&BuildOptions::normal());
    let id = in_function(&running, "main.texts");
    let shown = run(&running, &["goroutine", &id]);
    assert!(shown.contains("plain   = \"needle-7f3a\""), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    let cut = run(&running, &["goroutine", &id, "--string-len", "6"]);
    assert!(cut.contains("plain   = \"needle\"…+5 more"), "{cut}");
    let hidden = run(&running, &["goroutine", &id, "--no-values"]);
    assert!(hidden.contains("plain    string") && !hidden.contains(" = "), "{hidden}");

    let value = json(&running, &["goroutine", &id]);
    let frames = value["stack"].as_array().unwrap();
    let frame = frames.iter().find(|frame| frame["function"] == "main.texts").unwrap();
    let plain = &frame["arguments"][0];
    assert_eq!(plain["name"], "plain");
    assert_eq!(plain["type"], "string");
    assert_eq!(plain["value"], "\"needle-7f3a\"");
    assert_eq!(plain["state"], "live");
    let hidden = json(&running, &["goroutine", &id, "--no-values"]);
    assert!(!hidden.to_string().contains("needle"), "{hidden}");
}

#[test]
fn source_is_found_below_a_root_where_the_program_was_trimmed() {
    let running = values(&BuildOptions::normal().flag("-trimpath"));
    let id = in_function(&running, "main.inlines");
    let source = "sink.Add(int64(outer(n, \"in\") + n))";
    assert!(!run(&running, &["goroutine", &id]).contains(source));
    let root = workspace_root().join("crates/live/goprocess/tests/programs/values");
    let root = root.to_str().unwrap();
    let shown = run(&running, &["goroutine", &id, "--source-root", root]);
    assert!(shown.contains(source) && shown.contains("main.outer (inlined)"), "{shown}");
}

#[test]
fn what_is_waited_for_is_told_whatever_it_is() {
    let running = parked();
    let of = |reason: &str| {
        let found = json(&running, &["--with", &format!("waitreason={reason}"), "--with", "user"]);
        let id = found[0]["id"].to_string();
        (run(&running, &["goroutine", &id]), json(&running, &["goroutine", &id]))
    };
    let (shown, value) = of("IO wait");
    assert!(shown.contains("waits to read from descriptor"), "{shown}");
    let name = value["descriptor_waited_for"]["descriptor"]["name"].as_str().unwrap();
    assert!(name.starts_with("pipe:["), "{value}");
    let (shown, value) = of("sleep");
    assert!(shown.contains("sleeps for 23 h 5"), "{shown}");
    let left = value["sleeps_for_ms"].as_u64().unwrap();
    assert!((86_000_000..=86_400_000).contains(&left), "{left}");
    let (shown, _) = of("chan receive (nil chan)");
    assert!(shown.contains("waits for ever: the channel is nil"), "{shown}");
    let (shown, value) = of("sync.WaitGroup.Wait");
    assert!(shown.contains(", 1 to be done"), "{shown}");
    assert_eq!(value["company"][0]["state"]["count"], 1);
    let (_, value) = of("sync.RWMutex.RLock");
    assert_eq!(value["company"][0]["state"]["writer"], true);
    let (shown, value) = of("select");
    assert!(shown.contains("waits in a select of 3 channels"), "{shown}");
    let cases = value["company"].as_array().unwrap();
    let mut wanted: Vec<&str> = cases.iter().map(|case| case["to"].as_str().unwrap()).collect();
    wanted.sort_unstable();
    assert_eq!(wanted, ["receive", "receive", "send"]);
    let in_read = in_function(&running, "syscall.Read");
    let value = json(&running, &["goroutine", &in_read]);
    assert_eq!(value["system_call"]["name"], "read", "{value}");
    assert!(value["system_call"]["descriptor"]["name"].as_str().unwrap().starts_with("pipe:["));
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let running = parked();
    let pid = running.pid().to_string();
    let mut sleep = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
    let sleeping = sleep.id().to_string();
    let cases: &[(&[&str], &str, &str)] = &[
        (&[&sleeping], "is not a Go program", "pgrep -P"),
        (&["4194304"], "process 4194304 is gone", "pgrep"),
        (&["checkout"], "`checkout` is neither", "pgrep -l"),
        (&["/etc/passwd"], "/etc/passwd is not an ELF file", "a core file"),
        (&[&pid, "goroutine", "999999"], "no goroutine 999999", "it may have ended"),
        (&[&pid, "goroutine"], "required arguments", "--help"),
        (&[&pid, "--with", "speed=9"], "`speed=9` is no filter", "waitreason=TEXT"),
    ];
    for (arguments, what, hint) in cases {
        let (code, stdout, stderr) = told(&inspect(arguments).output().unwrap());
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(what) && stderr.contains(hint), "{stderr}");
    }
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let running = parked();
    let pid = running.pid().to_string();
    let mut child = inspect(&[&pid, "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(told(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn the_process_goes_on_when_we_are_killed_while_looking() {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/churn");
    let running = Running::start(&mut Command::new(build_go(folder, &BuildOptions::normal())));
    running.wait_for_line(PATIENCE, "READY");
    let pid = running.pid().to_string();
    for round in 0..20 {
        let mut child = inspect(&[&pid, "--format", "json"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        let n_lines = running.output().lines().count();
        photofinish_testkit::wait_until(PATIENCE, "more meetings", || {
            running.output().lines().count() > n_lines + 1
        });
    }
}

#[test]
fn a_deadlock_ends_in_exit_status_1_and_is_told_with_its_stacks() {
    let folder = workspace_root().join("crates/live/inspect/tests/programs/stuck");
    let stuck = Running::start(&mut Command::new(build_go(folder, &BuildOptions::normal())));
    stuck.wait_for_line(PATIENCE, "READY");
    let pid = stuck.pid().to_string();
    let (code, text, _) = told(&inspect(&[&pid, "deadlocks"]).output().unwrap());
    assert_eq!(code, Some(1));
    // One of them has put off the calls of Unlock.
    for evidence in ["proved", "likely"] {
        let title = format!("deadlock of 2 goroutines  {evidence}");
        assert_eq!(text.matches(&title).count(), 1, "{text}");
    }
    assert!(text.contains("leak of 3 goroutines") && text.contains("main.transfer"), "{text}");
    let output = inspect(&[&pid, "deadlocks", "--format", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ring = json["cycles"][0].as_array().unwrap();
    assert_eq!(ring[0]["held_by"], ring[1]["goroutine"]);
    assert_eq!(ring[1]["held_by"], ring[0]["goroutine"]);
    assert!(ring[0]["waits_for"].as_str().unwrap().starts_with("0x"));
    assert_eq!(json["leaks"][0]["created_at"]["function"], "main.ask");

    let well = parked();
    // It has goroutines that wait on nil channels on purpose.
    let output = inspect(&[&well.pid().to_string(), "deadlocks", "--format", "json"]).output();
    let json: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(json["cycles"], Value::Array(Vec::new()));
}

#[test]
fn threads_are_shown_with_the_goroutines_on_them() {
    let running = parked();
    let threads = json(&running, &["threads"]);
    let on_thread = |thread: &&Value| thread["goroutine"] != Value::Null;
    let busy: Vec<&Value> = threads.as_array().unwrap().iter().filter(on_thread).collect();
    let [one] = busy[..] else { panic!("the one in read(2): {busy:?}") };
    assert!(one["function"]["function"].as_str().unwrap().starts_with("main.start"), "{one}");
    assert!(one["cpu"].is_u64() && one["state"] == "sleeping", "{one}");
    let text = run(&running, &["threads"]);
    assert_eq!(text.lines().count(), threads.as_array().unwrap().len(), "{text}");
    assert!(text.contains("in a system call"), "{text}");
}
