//! `photofinish catch` as a user meets it: races of real programs built as usual, silence on correct ones,
//! and a target that never comes to harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::process::{Command, Stdio};
use std::time::Duration;

use photofinish_testkit::{
    BuildOptions, Running, build_go, free_port, go_toolchain_version, may_catch, temp_dir,
    wait_until, workspace_root,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn corpus(pattern: &str, variant: &str) -> Running {
    corpus_built(pattern, variant, &BuildOptions::normal())
}

fn corpus_built(pattern: &str, variant: &str, options: &BuildOptions) -> Running {
    let binary = build_go(workspace_root().join("corpus/catch"), options);
    let running = Running::start(Command::new(binary).args([pattern, variant]));
    running.wait_for_line(PATIENCE, "READY");
    running
}

fn catch(pid: u32, store: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(["catch", &pid.to_string(), "--format", "json"]).args(arguments);
    command.env("NO_COLOR", "1").env("PHOTOFINISH_STORE", store.join("findings.db"));
    command.env("PHOTOFINISH_SPOOL", store.join("spool"));
    command
}

struct Told {
    code: Option<i32>,
    races: Vec<Value>,
    stderr: String,
}

fn told(command: &mut Command) -> Told {
    let output = command.output().unwrap();
    let races = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Told {
        code: output.status.code(),
        races,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The functions of both stacks, innermost first.
fn functions(race: &Value) -> Vec<Vec<String>> {
    let of = |access: &Value| {
        let frames = access["stack"].as_array().unwrap();
        frames.iter().map(|frame| frame["function"].as_str().unwrap().to_owned()).collect()
    };
    race["accesses"].as_array().unwrap().iter().map(of).collect()
}

/// Catches the race of a corpus program; its two stacks must lead through `both`.
fn assert_caught(pattern: &str, both: &str) -> Value {
    assert_caught_in(&BuildOptions::normal(), pattern, both)
}

/// The runtime may end a program that races on a map before anybody has looked at it: then it is started again.
const STARTS: usize = 10;

fn assert_caught_in(options: &BuildOptions, pattern: &str, both: &str) -> Value {
    let dir = temp_dir();
    let look = ["--for", "50s", "--budget", "60%", "--until-first"];
    let mut attempts = (0..STARTS).map(|_| {
        let target = corpus_built(pattern, "racy", options);
        let told = told(&mut catch(target.pid(), dir.path(), &look));
        let has_ended = told.stderr.contains("is gone")
            || target.output().contains("fatal error: concurrent map");
        (target, told, has_ended)
    });
    let (target, told, _) =
        attempts.find(|(_, told, has_ended)| told.code == Some(1) || !has_ended).unwrap();
    assert_eq!(told.code, Some(1), "{pattern}: {}\n{}", told.stderr, target.output());
    let race = told.races.first().unwrap().clone();
    let stacks = functions(&race);
    assert_eq!(stacks.len(), 2, "{race:#}");
    for stack in &stacks {
        assert!(stack.iter().any(|function| function.contains(both)), "{pattern}: {stacks:?}");
    }
    assert_eq!(race["detector"], "photofinish");
    assert!(race["sightings"].as_u64().unwrap() >= 1);
    assert!(race["caught_after_ms"].as_f64().unwrap() > 0.0);
    let mut findings = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    findings.args(["findings", "list", "--format", "json"]);
    let findings =
        findings.env("PHOTOFINISH_STORE", dir.path().join("findings.db")).output().unwrap();
    let kept = String::from_utf8(findings.stdout).unwrap();
    assert!(kept.contains(race["fingerprint"].as_str().unwrap()), "{kept}");
    assert!(kept.contains("\"catch\""), "{kept}");
    race
}

#[test]
fn a_counter_without_a_lock_is_caught_in_an_ordinary_build() {
    if !may_catch() {
        return;
    }
    let race = assert_caught("counter", "main.(*stats).countRacy");
    for access in race["accesses"].as_array().unwrap() {
        assert_eq!(access["op"], "write");
        assert!(access["goroutine"].as_u64().is_some(), "{access:#}");
        let creator = access["created_at"][0]["function"].as_str().unwrap();
        assert_eq!(creator, "example.org/catch/drive.Workers");
    }
}

#[test]
fn a_map_race_is_told_as_a_race_build_tells_it() {
    if !may_catch() {
        return;
    }
    let race = assert_caught("registry", "main.(*registry).lo");
    assert_eq!(race["pattern"], "concurrent-map");
    let stacks = functions(&race);
    assert!(stacks.iter().all(|stack| stack[0].starts_with("runtime.map")), "{stacks:?}");
    assert!(race["raw"].as_str().unwrap().contains("WARNING: DATA RACE"));
}

#[test]
fn the_maps_of_go_before_1_24_are_watched_where_they_keep_their_flags() {
    if !may_catch() {
        return;
    }
    let options = BuildOptions::normal().with(&go_toolchain_version("1.23"));
    let race = assert_caught_in(&options, "registry", "main.(*registry).lo");
    assert_eq!(race["pattern"], "concurrent-map");
}

#[test]
fn a_race_is_one_finding_whether_a_race_build_or_catch_saw_it() {
    if !may_catch() {
        return;
    }
    let caught = assert_caught("counter", "main.(*stats).countRacy");
    let detected = corpus_built("counter", "racy", &BuildOptions::race());
    detected.wait_for_line(PATIENCE, "WARNING: DATA RACE");
    wait_until(PATIENCE, "a whole report", || detected.output().matches("=====").count() >= 6);
    let dir = temp_dir();
    let log = dir.path().join("log");
    std::fs::write(&log, detected.output()).unwrap();
    let mut parse = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    let parsed = parse.args(["report", "parse", "--format", "json"]).arg(log).output().unwrap();
    let reports: Vec<Value> = serde_json::from_slice(&parsed.stdout).unwrap();
    let fingerprints: Vec<&Value> = reports.iter().map(|race| &race["fingerprint"]).collect();
    assert!(fingerprints.contains(&&caught["fingerprint"]), "{caught:#}\n{fingerprints:?}");
}

#[test]
fn a_library_type_shared_by_mistake_is_blamed_on_its_user() {
    if !may_catch() {
        return;
    }
    let race = assert_caught("buffer", "main.(*shared).render");
    assert!(race["accesses"][0]["stack"].as_array().unwrap().len() >= 2, "{race:#}");
}

#[test]
fn correct_programs_give_no_report() {
    if !may_catch() {
        return;
    }
    for pattern in ["buffer", "cold", "config", "counter", "handoff", "random", "registry"] {
        let target = corpus(pattern, "repaired");
        let dir = temp_dir();
        let told = told(&mut catch(target.pid(), dir.path(), &["--for", "3s", "--budget", "60%"]));
        assert_eq!(told.code, Some(0), "{pattern}: {:#?}", told.races);
        assert!(!told.stderr.contains(" 0 samples"), "{pattern}: {}", told.stderr);
    }
}

/// The payment service without its races, and a load on it that ends by itself.
fn payments(seconds: u32) -> (Running, Command) {
    let options = BuildOptions::normal().tag("repaired");
    let binary = build_go(workspace_root().join("examples/payments"), &options);
    let port = free_port();
    let mut command = Command::new(binary);
    command.env("ADDR", format!("127.0.0.1:{port}"));
    let quick = [("GATEWAY_MIN", "1ms"), ("GATEWAY_MAX", "5ms"), ("GATEWAY_FAILURE_RATE", "0")];
    let service = Running::start(command.envs(quick));
    service.wait_for_line(PATIENCE, "listening");
    let mut load = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    load.args(["load", &format!("http://127.0.0.1:{port}/process-payment"), "--format", "json"]);
    load.args(["--for", &format!("{seconds}s"), "--concurrency", "20", "--method", "POST"]);
    load.args(["--header", "content-type: application/json"]);
    load.args(["--body", r#"{"user_id": "user-{{ random_int(1, 200) }}", "amount": 2}"#]);
    load.stdout(Stdio::piped()).stderr(Stdio::null());
    (service, load)
}

#[test]
fn a_target_loses_nothing_when_catch_is_killed_at_any_moment() {
    if !may_catch() {
        return;
    }
    const KILLS: u64 = 15;
    let (mut service, mut load) = payments(8);
    let load = load.spawn().unwrap();
    let dir = temp_dir();
    for kill in 0..KILLS {
        let mut command = catch(service.pid(), dir.path(), &["--for", "30s", "--budget", "100%"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut catching = command.spawn().unwrap();
        let us = catching.id();
        wait_until(PATIENCE, "catch holds the service", || tracer_of(service.pid()) != 0);
        // Another moment each time: while waiting at sites, while holding, between.
        std::thread::sleep(Duration::from_micros(700 * kill * kill % 90_000));
        catching.kill().unwrap();
        catching.wait().unwrap();
        wait_until(PATIENCE, "the service is free", || tracer_of(service.pid()) != us);
    }
    let output = load.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["errors"], 0, "{told:#}");
    assert_eq!(told["sent"], told["completed"], "{told:#}");
    assert!(told["completed"].as_u64().unwrap() > 100, "{told:#}");
    let state = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    assert!(!state.contains("tracing stop"), "{state}");
    service.kill();
}

fn tracer_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn who_traces_a_process_already_is_named() {
    if !may_catch() {
        return;
    }
    let target = corpus("counter", "repaired");
    let dir = temp_dir();
    let mut first = catch(target.pid(), dir.path(), &["--for", "60s"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(PATIENCE, "the first holds it", || tracer_of(target.pid()) != 0);
    let told = told(&mut catch(target.pid(), dir.path(), &["--for", "1s"]));
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(told.code, Some(2));
    assert!(told.stderr.contains("already traced by"), "{}", told.stderr);
    assert!(
        told.stderr.contains("photofinish") || told.stderr.contains("catch"),
        "{}",
        told.stderr
    );
}

#[test]
fn a_target_that_ends_or_is_none_is_told() {
    if !may_catch() {
        return;
    }
    let mut target = corpus("config", "repaired");
    let dir = temp_dir();
    let mut command = catch(target.pid(), dir.path(), &["--for", "60s"]);
    let catching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(PATIENCE, "catch holds it", || tracer_of(target.pid()) != 0);
    target.kill();
    let output = catching.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("the process ended"), "{stderr}");
    let gone = told(&mut catch(target.pid(), dir.path(), &[]));
    assert_eq!(gone.code, Some(2));
    assert!(gone.stderr.contains("is gone"), "{}", gone.stderr);
}

#[test]
fn a_target_that_is_stopped_and_continued_stays_what_it_was() {
    if !may_catch() {
        return;
    }
    let target = corpus("counter", "repaired");
    let pid = target.pid();
    let dir = temp_dir();
    let mut command = catch(pid, dir.path(), &["--for", "4s", "--budget", "60%"]);
    let catching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(PATIENCE, "catch holds it", || tracer_of(pid) != 0);
    let signal = |name: &str| {
        let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap()
    };
    signal("STOP");
    // All its threads stand still: no processor time is used between two looks.
    wait_until(PATIENCE, "it stands still", || {
        let before = ticks();
        std::thread::sleep(Duration::from_millis(100));
        ticks() == before
    });
    signal("CONT");
    let stood = ticks();
    wait_until(PATIENCE, "it works again", || ticks() > stood);
    let output = catching.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let before = ticks();
    wait_until(PATIENCE, "it works without us", || ticks() > before && tracer_of(pid) == 0);
}

#[test]
fn a_target_that_becomes_another_program_is_let_go() {
    if !may_catch() {
        return;
    }
    let dir = temp_dir();
    // A Go program that starts others and then becomes `sleep` itself.
    let source = r#"package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

var n int

func main() {
	fmt.Println("READY")
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); n++ {
		if out, err := exec.Command("echo", "hello").Output(); err != nil || string(out) != "hello\n" {
			fmt.Println("child came to harm:", err)
			os.Exit(1)
		}
	}
	syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil)
}
"#;
    let binary = photofinish_testkit::build_go_source("becomes", source, &BuildOptions::normal());
    let target = Running::start(&mut Command::new(binary));
    target.wait_for_line(PATIENCE, "READY");
    let told = told(&mut catch(target.pid(), dir.path(), &["--for", "50s", "--budget", "60%"]));
    assert_eq!(told.code, Some(0), "{}\n{}", told.stderr, target.output());
    assert!(told.stderr.contains("became another program"), "{}", told.stderr);
    assert!(!target.output().contains("harm"), "{}", target.output());
    let name = std::fs::read_to_string(format!("/proc/{}/comm", target.pid())).unwrap();
    assert_eq!((name.trim(), tracer_of(target.pid())), ("sleep", 0));
}

#[test]
fn several_processes_are_looked_at_at_once_and_a_race_of_both_is_told_once() {
    if !may_catch() {
        return;
    }
    let targets = [corpus("counter", "racy"), corpus("counter", "racy")];
    let dir = temp_dir();
    let mut command = catch(targets[0].pid(), dir.path(), &["--for", "20s", "--budget", "60%"]);
    let told = told(command.arg(targets[1].pid().to_string()));
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let [race] = &told.races[..] else { panic!("one race: {:#?}", told.races) };
    let pids: Vec<u64> =
        race["pids"].as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
    let mut expected = targets.each_ref().map(|target| u64::from(target.pid()));
    expected.sort_unstable();
    assert_eq!(pids, expected, "{}", told.stderr);
}

#[test]
fn a_process_that_has_not_started_is_waited_for_by_name() {
    if !may_catch() {
        return;
    }
    let dir = temp_dir();
    let built = build_go(workspace_root().join("corpus/catch"), &BuildOptions::normal());
    // A name that no other process of the machine has.
    let name = format!("awaited-{}", std::process::id());
    let program = dir.path().join(&name);
    std::fs::copy(built, &program).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(["catch", "--name", &name, "--for", "40s", "--budget", "60%", "--until-first"]);
    command.args(["--format", "go"]).env("PHOTOFINISH_STORE", dir.path().join("findings.db"));
    let catching = Running::start(&mut command);
    catching.wait_for_line(PATIENCE, &format!("waiting for `{name}` to start"));
    let target = Running::start(Command::new(&program).args(["counter", "racy"]));
    catching.wait_for_line(PATIENCE, "WARNING: DATA RACE");
    catching.wait_for_line(PATIENCE, "photofinish: process");
    assert!(catching.output().contains("countRacy"), "{}", catching.output());
    drop(target);
}

#[test]
fn a_sidecar_looks_again_and_again_and_sees_a_process_that_was_replaced() {
    if !may_catch() {
        return;
    }
    let dir = temp_dir();
    let built = build_go(workspace_root().join("corpus/catch"), &BuildOptions::normal());
    let name = format!("replaced-{}", std::process::id());
    let program = dir.path().join(&name);
    std::fs::copy(built, &program).unwrap();
    let start = |variant: &str| Running::start(Command::new(&program).args(["counter", variant]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(["catch", "--name", &name, "--for", "1s", "--every", "1500ms", "--budget", "60%"]);
    command.args(["--until-first"]).env("PHOTOFINISH_STORE", dir.path().join("findings.db"));
    let first = start("repaired");
    let catching = Running::start(&mut command);
    catching.wait_for_line(PATIENCE, &format!("process {}: 0 races", first.pid()));
    drop(first);
    let second = start("racy");
    catching.wait_for_line(PATIENCE, &format!("process {}: 1 race", second.pid()));
}

/// The code of the program as it is in memory now.
fn code_of(pid: u32) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let line = maps.lines().find(|line| line.contains(" r-xp ")).unwrap();
    let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
    let start = u64::from_str_radix(start, 16).unwrap();
    let end = u64::from_str_radix(end, 16).unwrap();
    let mut code = vec![0; usize::try_from(end - start).unwrap()];
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    memory.read_exact_at(&mut code, start).unwrap();
    code
}

#[test]
fn probes_planted_in_cold_code_are_taken_back_when_catch_is_killed_or_ends() {
    if !may_catch() {
        return;
    }
    let target = corpus("counter", "repaired");
    let before = code_of(target.pid());
    let dir = temp_dir();
    let mut n_planted = 0;
    for round in 0..12 {
        let mut command = catch(target.pid(), dir.path(), &["--for", "60s", "--budget", "60%"]);
        let mut catching = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until(PATIENCE, "probes are planted", || code_of(target.pid()) != before);
        // Hundreds of them, planted and taken back at the same time, another moment each time.
        std::thread::sleep(Duration::from_millis(97 * (round % 4)));
        let differing = before.iter().zip(code_of(target.pid()));
        n_planted = n_planted.max(differing.filter(|(one, other)| *one != other).count());
        if round >= 4 {
            // It takes back all that it planted, and is killed in the midst of that.
            let asked = Command::new("kill").args(["-INT", &catching.id().to_string()]).status();
            assert!(asked.unwrap().success());
            std::thread::sleep(Duration::from_millis(round - 4));
        }
        catching.kill().unwrap();
        catching.wait().unwrap();
        wait_until(PATIENCE, "the code is what it was", || code_of(target.pid()) == before);
    }
    assert!(n_planted > 100, "{n_planted}");
    let told = told(&mut catch(target.pid(), dir.path(), &["--for", "1s", "--budget", "60%"]));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(code_of(target.pid()) == before, "an orderly end leaves nothing behind");
}

/// A Go program whose threads come and go, and which counts its own storms of signals.
const HOSTILE: &str = r#"package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var worked, came atomic.Int64

func main() {
	signals := make(chan os.Signal, 1<<16)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGTERM)
	go func() {
		for range signals {
			came.Add(1)
		}
	}()
	// Hundreds of threads that stay.
	var up sync.WaitGroup
	for n := 0; n < 480; n++ {
		up.Add(1)
		go func() {
			runtime.LockOSThread()
			up.Done()
			for {
				time.Sleep(20 * time.Millisecond)
				worked.Add(1)
			}
		}()
	}
	up.Wait()
	// And others that begin and end.
	go func() {
		for {
			var done sync.WaitGroup
			for n := 0; n < 8; n++ {
				done.Add(1)
				go func() {
					defer done.Done()
					runtime.LockOSThread() // and never unlocked: the thread ends
					worked.Add(1)
				}()
			}
			done.Wait()
			time.Sleep(time.Millisecond)
		}
	}()
	fmt.Println("READY")
	self, _ := os.FindProcess(os.Getpid())
	for sent := int64(0); ; {
		for n := 0; n < 20; n++ {
			self.Signal(syscall.SIGUSR1)
			self.Signal(syscall.SIGTERM)
		}
		sent += 40
		before := worked.Load()
		time.Sleep(300 * time.Millisecond)
		if worked.Load() == before {
			fmt.Println("HARM: nobody worked")
		}
		if came.Load() == 0 {
			fmt.Println("HARM: no signal came")
		}
		fmt.Println("ROUND")
	}
}
"#;

#[test]
fn a_target_with_five_hundred_threads_and_storms_of_signals_works_on() {
    if !may_catch() {
        return;
    }
    let binary = photofinish_testkit::build_go_source("hostile", HOSTILE, &BuildOptions::normal());
    let target = Running::start(&mut Command::new(binary));
    target.wait_for_line(PATIENCE, "READY");
    let dir = temp_dir();
    let told = told(&mut catch(target.pid(), dir.path(), &["--for", "4s"]));
    assert_eq!(told.code, Some(0), "{}\n{}", told.stderr, target.output());
    let rounds = target.output().matches("ROUND").count();
    wait_until(PATIENCE, "it works without us", || {
        target.output().matches("ROUND").count() > rounds + 1
    });
    assert!(!target.output().contains("HARM"), "{}", target.output());
    assert_eq!(tracer_of(target.pid()), 0);
}

/// A program whose threads wake one another all the time: it takes what processors there are, and switches a hundred
/// thousand times a second. At SIGUSR1 it becomes `sleep`.
const SWITCHING: &str = r#"package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

var turns [8][64]int

func pass(i, from, to int) {
	runtime.LockOSThread()
	word := make([]byte, 1)
	for {
		if n, err := syscall.Read(from, word); n != 1 {
			fmt.Println("HARM", err)
			os.Exit(1)
		}
		turns[i][0]++
		syscall.Write(to, word)
	}
}

func main() {
	for i := 0; i < 8; i += 2 {
		var there, back [2]int
		syscall.Pipe(there[:])
		syscall.Pipe(back[:])
		go pass(i, there[0], back[1])
		go pass(i+1, back[0], there[1])
		syscall.Write(there[1], []byte("x"))
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	fmt.Println("READY")
	<-asked
	syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil)
}
"#;

/// A busy target that catch looks at, at a moment in which it is left alone.
fn left_alone(dir: &std::path::Path) -> (Running, std::process::Child) {
    let name = "switching";
    let binary = photofinish_testkit::build_go_source(name, SWITCHING, &BuildOptions::normal());
    let target = Running::start(&mut Command::new(binary));
    target.wait_for_line(PATIENCE, "READY");
    std::thread::sleep(Duration::from_millis(300));
    let mut command = catch(target.pid(), dir, &["--for", "50s"]);
    let catching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for spell in 0..2 {
        wait_until(PATIENCE, &format!("spell {spell}"), || tracer_of(target.pid()) != 0);
        wait_until(PATIENCE, "it is left alone", || tracer_of(target.pid()) == 0);
    }
    (target, catching)
}

#[test]
fn a_busy_target_is_left_alone_between_spells_and_its_end_is_told() {
    if !may_catch() {
        return;
    }
    let dir = temp_dir();
    let (mut target, catching) = left_alone(dir.path());
    let looks = 500;
    let n_traced = (0..looks).filter(|_| {
        std::thread::sleep(Duration::from_millis(4));
        tracer_of(target.pid()) != 0
    });
    let n_traced = n_traced.count();
    assert!(n_traced < looks / 2, "{n_traced} of {looks}");
    assert!(!target.output().contains("HARM"), "{}", target.output());
    target.kill();
    let output = catching.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("the process ended"), "{stderr}");
}

#[test]
fn a_target_that_becomes_another_program_while_it_is_left_alone_is_not_traced_again() {
    if !may_catch() {
        return;
    }
    let dir = temp_dir();
    let (target, catching) = left_alone(dir.path());
    let asked = Command::new("kill").args(["-s", "USR1", &target.pid().to_string()]).status();
    assert!(asked.unwrap().success());
    let output = catching.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}\n{}", target.output());
    assert!(stderr.contains("became another program"), "{stderr}");
    assert!(!target.output().contains("HARM"), "{}", target.output());
    assert_eq!(tracer_of(target.pid()), 0);
}
