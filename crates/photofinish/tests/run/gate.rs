//! The restart gate, and the health endpoint that shows it.

use crate::support::{House, PHOTOFINISH, finish_child, signal, text, until, wait_for};
use photofinish_model::Kind;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn after_a_crash_the_gate_waits_until_its_findings_are_acknowledged() {
    let house = House::new();
    let once = format!("once={}", house.path("first").display());
    let flags = ["--gate", "--restart-pause=1ms"];
    let mut command = house.run(&flags, &[&once, "panic=boom"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the finding", || house.kinds().contains(&Kind::Panic));
    std::thread::sleep(std::time::Duration::from_millis(400));
    for id in house.ids() {
        let mut ack = Command::new(PHOTOFINISH);
        ack.args(["findings", "ack", &id]).env("PHOTOFINISH_STORE", house.store());
        assert!(ack.output().unwrap().status.success());
    }
    let output = finish_child(run);
    let talk = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{talk}");
    let waits = talk.find("findings ack").expect(&talk);
    let goes_on = talk.find("acknowledged, going on").expect(&talk);
    let again = talk.find("(start 2)").expect(&talk);
    assert!(waits < goes_on && goes_on < again, "{talk}");
}

#[test]
fn the_gate_opens_by_itself_when_its_bound_passes() {
    let house = House::new();
    let once = format!("once={}", house.path("first").display());
    let flags = ["--gate", "--gate-timeout=300ms", "--restart-pause=1ms"];
    let output = crate::support::finish(&mut house.run(&flags, &[&once, "panic=boom"]));
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("nobody acknowledged in time"));
}

#[test]
fn a_gate_survives_the_death_of_its_keeper_and_a_sigterm_leaves_it() {
    let house = House::new();
    let mut command = house.run(&["--gate"], &["panic=boom"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the gate", || {
        let closed = |folder: &std::path::PathBuf| {
            std::fs::read_to_string(folder.join("state.json"))
                .is_ok_and(|state| state.contains("\"gate\":[\""))
        };
        house.runs().iter().any(closed)
    });
    signal(run.id(), Signal::KILL);
    run.wait().unwrap();

    let mut command = house.run(&["--gate"], &["out=started"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(run.stderr.take().unwrap()).lines();
    wait_for("the closed gate", || {
        talk.next().unwrap().unwrap().contains("findings ack").then_some(())
    });
    signal(run.id(), Signal::TERM);
    let output = finish_child(run);
    assert_eq!(text(&output.stdout), "", "it was never started");
}

#[test]
fn health_follows_the_program_and_status_says_why() {
    let house = House::new();
    let flags = ["--health-listen=127.0.0.1:0", "--start-grace=0", "--gate"];
    let mut command = house.run(&flags, &["races=2", "say=raced", "sleep=400", "panic=boom"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(run.stderr.take().unwrap()).lines();
    let address = wait_for("the address", || {
        let line = talk.next().unwrap().unwrap();
        Some(line.split_once("http://")?.1.trim_end_matches("/healthz").to_owned())
    });
    std::thread::spawn(move || talk.for_each(drop));
    until("health", || get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    until("the gate", || get(&address, "/status").contains("\"gate\":\"closed\""));
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 503"));
    assert!(get(&address, "/status").contains("\"reports\":3"), "{}", get(&address, "/status"));
    signal(run.id(), Signal::TERM);
    run.wait().unwrap();
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
