//! `inspect --record`, `catch`, `proxy` and `hunt` with `--to`: what they see waits for a `serve` that is away.

use crate::support::{LONG, Served, Service};
use photofinish_store::{Filter, Source};
use photofinish_testkit::{
    BuildOptions, Running, build_go, fill_disk, free_port, may_catch, on_small_disk, wait_until,
    workspace_root,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// A Go program at work.
fn start(folder: &str, arguments: &[&str]) -> Running {
    let program = build_go(workspace_root().join(folder), &BuildOptions::normal());
    let running = Running::start(Command::new(program).args(arguments));
    running.wait_for_line(LONG, "READY");
    running
}

/// `photofinish WORDS` on another machine than `service`'s, as far as files go: what it printed and what it said.
fn elsewhere(service: &Service, url: &str, words: &[&str]) -> (String, String) {
    let output = on_another_machine(service, url, words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

fn on_another_machine(service: &Service, url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(words).args(["--to", url, "--spool"]).arg(service.path("other-machine"));
    command.env("XDG_STATE_HOME", service.path("state")).env("NO_COLOR", "1");
    command
}

/// How many batches wait on the other machine.
fn waiting(service: &Service) -> usize {
    let outboxes = std::fs::read_dir(service.path("other-machine/outbox")).into_iter().flatten();
    let files = outboxes.flatten().flat_map(|one| std::fs::read_dir(one.path()).unwrap().flatten());
    files.filter(|file| file.path().extension().is_some_and(|ending| ending == "json")).count()
}

/// Somebody who answers all is well, but for each so-manieth request; its address. Ends with the test's process.
fn answering(ill_each: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            let mut head = [0; 4096];
            let status = if number % ill_each == 0 && number > 0 { "500 No" } else { "200 OK" };
            if stream.read(&mut head).is_ok_and(|n| n > 0) {
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    address
}

/// The sources of all findings and how often each was seen.
fn seen(service: &Service) -> Vec<(Source, u64)> {
    let findings = service.open().findings(&Filter::default()).unwrap();
    findings.iter().flat_map(|one| one.sources.clone()).collect()
}

#[test]
fn what_inspect_records_while_serve_is_away_arrives_once_with_the_next() {
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let stuck = start("crates/live/inspect/tests/programs/stuck", &[]);
    let pid = stuck.pid().to_string();
    let words = ["inspect", &pid, "deadlocks", "--record", "--service", "bank"];
    let (_, said) = elsewhere(&service, &url, &words);
    assert!(seen(&service).is_empty(), "nobody is there");
    let _served = Served::start(&service, &["--listen", &listen]);
    let (_, again) = elsewhere(&service, &url, &words);
    wait_until(LONG, &format!("both looks to arrive: {said}{again}"), || {
        let seen = seen(&service);
        !seen.is_empty() && seen.iter().all(|one| *one == (Source::Inspect, 2))
    });
    assert!(!service.path("state/photofinish/findings.db").exists(), "nothing is kept here");
}

#[test]
fn what_catch_sees_while_serve_is_away_arrives_with_the_next() {
    if !may_catch() {
        return;
    }
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let racy = start("corpus/catch", &["counter", "racy"]);
    let pid = racy.pid().to_string();
    let look = ["catch", &pid, "--for", "50s", "--budget", "60%", "--until-first"];
    let (shown, said) = elsewhere(&service, &url, &look);
    assert!(shown.contains("countRacy"), "{shown}{said}");
    assert!(seen(&service).is_empty(), "nobody is there");
    let _served = Served::start(&service, &["--listen", &listen]);
    // Whoever comes next with the same --to delivers what was left, whatever it looks at.
    let (_, said) = elsewhere(&service, &url, &["catch", &pid, "--for", "1s"]);
    wait_until(LONG, &format!("it to arrive: {said}"), || {
        seen(&service).iter().any(|(source, _)| *source == Source::Catch)
    });
}

#[test]
fn what_a_proxy_sees_while_serve_is_away_arrives_once_when_it_is_back() {
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let text = format!(
        "[proxy]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nstable = \"{}\"\n[[proxy.mirror]]\n\
         to = \"{}\"\n[proxy.mirror.compare]\n",
        answering(usize::MAX),
        answering(20)
    );
    let file = service.path("proxy.toml");
    std::fs::write(&file, text).unwrap();
    let words = ["proxy", "-c", file.to_str().unwrap()];
    let proxy = Running::start(&mut on_another_machine(&service, &url, &words));
    let address = proxy.wait_for_line(LONG, "listening on http://");
    wait_until(LONG, "a difference to wait on the disk", || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /order HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        waiting(&service) > 0
    });
    let n_waiting = waiting(&service) as u64;
    assert!(seen(&service).is_empty(), "nobody is there");
    let _served = Served::start(&service, &["--listen", &listen]);
    wait_until(LONG, "it to arrive", || waiting(&service) == 0);
    assert_eq!(seen(&service), [(Source::Mirror, n_waiting)], "{}", proxy.output());
    assert!(!service.path("state/photofinish/findings.db").exists(), "nothing is kept here");
}

#[test]
fn what_a_hunt_found_while_serve_was_away_arrives_once_with_the_next() {
    let service = Service::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let words = ["hunt", "--package", "./cmd/orders", "--url", "http://127.0.0.1:0/order?item=tea"];
    let flags = ["--arg=-addr=127.0.0.1:{port}", "--ways", "load", "--for", "2s"];
    let rest = ["--baseline", "0", "--format", "json"];
    let mut hunt = on_another_machine(&service, &url, &[&words[..], &flags, &rest].concat());
    hunt.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/orders"));
    hunt.env("PHOTOFINISH_GO", &photofinish_testkit::go_toolchain().go);
    let output = hunt.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = found["findings"].as_array().unwrap().iter();
    let hunted: u64 = counts.map(|one| one["sources"]["load"].as_u64().unwrap()).sum();
    assert!(hunted > 0 && seen(&service).is_empty(), "nobody is there");
    assert!(said.contains("wait in") && waiting(&service) > 0, "{said}");

    let served = Served::start(&service, &["--listen", &listen]);
    let file = service.path("proxy.toml");
    let text =
        format!("[proxy]\nlisten = \"127.0.0.1:0\"\nstable = \"{}\"\n", answering(usize::MAX));
    std::fs::write(&file, text).unwrap();
    // Whoever comes next with the same --to.
    let next = ["proxy", "-c", file.to_str().unwrap()];
    let _next = Running::start(&mut on_another_machine(&service, &url, &next));
    wait_until(LONG, "all to arrive", || waiting(&service) == 0);
    let seen = seen(&service);
    assert!(seen.iter().all(|(source, _)| *source == Source::Load), "{seen:?}");
    assert_eq!(seen.iter().map(|(_, count)| count).sum::<u64>(), hunted);
    let campaigns = served.get("/api/v1/campaigns").json();
    assert_eq!(campaigns["campaigns"][0]["kind"], "hunt", "{campaigns}");
}

#[test]
fn on_a_full_disk_what_cannot_wait_is_told_and_why() {
    let me = "senders::on_a_full_disk_what_cannot_wait_is_told_and_why";
    on_small_disk(me, "1m", |disk| {
        let service = Service::new();
        let url = format!("http://127.0.0.1:{}", free_port());
        std::os::unix::fs::symlink(disk, service.path("other-machine")).unwrap();
        let stuck = start("crates/live/inspect/tests/programs/stuck", &[]);
        let pid = stuck.pid().to_string();
        let words = ["inspect", &pid, "deadlocks", "--record", "--service", "bank"];
        let (_, said) = elsewhere(&service, &url, &words);
        assert!(said.contains("wait in") && waiting(&service) == 1, "{said}");
        let _ballast = fill_disk(disk);
        let (shown, said) = elsewhere(&service, &url, &words);
        assert!(!shown.is_empty(), "what it sees is shown all the same");
        assert!(said.contains("No space left on device") && said.contains("outbox"), "{said}");
        assert_eq!(waiting(&service), 1, "what was taken stays");
    });
}
