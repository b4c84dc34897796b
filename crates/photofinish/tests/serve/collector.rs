//! What other machines send, while `serve` is away, killed, or asked for too much.

use crate::support::{LONG, Served, Service};
use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::SightingJson;
use photofinish_store::Filter;
use photofinish_store::json::RaceJson;
use photofinish_testkit::servers::PostgresServer;
use photofinish_testkit::{Running, fill_disk, free_port, on_small_disk, wait_until};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const REPORT: &str = "==================
WARNING: DATA RACE
Read at 0x00c00001c0a8 by goroutine 8:
  main.getCached()
      /src/cache.go:6 +0x44

Previous write at 0x00c00001c0a8 by goroutine 7:
  main.setCached()
      /src/cache.go:11 +0x9c

Goroutine 8 (running) created at:
  main.main()
      /src/main.go:20 +0x9c
==================
";

fn sighting(service: &Service, sender: usize, number: usize) -> SightingJson {
    let names = [format!("main.get{}", number % 7), format!("main.set{}", number % 7)];
    let race = service.race([&names[0], &names[1]], "cache.go", [6, 11]);
    SightingJson {
        key: format!("sender-{sender}/{number}"),
        race: RaceJson::from(&race),
        source: "canary".to_owned(),
        service: Some("payments".to_owned()),
        build: Some("v1".to_owned()),
        host: Some(format!("pod-{sender}")),
        pid: Some(7),
        at: jiff::Timestamp::now(),
    }
}

/// How often everything was seen, by the store itself.
fn counted(service: &Service) -> u64 {
    let findings = service.open().findings(&Filter::default()).unwrap();
    findings.iter().map(|finding| finding.count).sum()
}

#[test]
fn however_often_serve_is_killed_under_load_none_is_lost_and_none_doubled() {
    let service = Service::new();
    let port = free_port();
    let mut served = serve_on(&service, port);
    let kills = if std::env::var_os("PHOTOFINISH_SOAK").is_some() { 100 } else { 6 };
    let sent = while_many_send(&service, &served.url.clone(), |taken| {
        for _ in 0..kills {
            taken(500);
            served.program.kill();
            served = serve_on(&service, port);
        }
    });
    assert_all_counted(&service, &sent);
}

#[test]
fn however_often_serve_or_its_postgres_is_killed_under_load_none_is_lost_and_none_doubled() {
    let Some(mut server) = PostgresServer::start() else { return };
    let service = Service::on(&server);
    let port = free_port();
    let mut served = serve_on(&service, port);
    let kills = if std::env::var_os("PHOTOFINISH_SOAK").is_some() { 100 } else { 4 };
    let sent = while_many_send(&service, &served.url.clone(), |taken| {
        for kill in 0..kills {
            taken(200);
            if kill % 2 == 0 {
                server.crash_and_restart();
            } else {
                served.program.kill();
                served = serve_on(&service, port);
            }
        }
    });
    assert_all_counted(&service, &sent);
    let listed = served.get("/api/v1/findings?q=get1").body;
    assert!(listed.contains("main.get1"), "and they can be searched: {listed}");
}

#[test]
fn on_a_full_disk_senders_are_told_to_come_back_and_with_room_again_all_is_there_once() {
    let me = "collector::on_a_full_disk_senders_are_told_to_come_back_and_with_room_again_all_is_there_once";
    on_small_disk(me, "16m", |disk| {
        let service = Service::inside(disk);
        let port = free_port();
        let mut served = serve_on(&service, port);
        let client = Client::new(&served.url, None, None).unwrap();
        let one = |n: usize| [sighting(&service, 0, n)];
        (0..20).for_each(|n| drop(client.send(&one(n)).unwrap()));
        let ballast = fill_disk(disk);
        // What was allocated before may be used up first.
        let mut sent = 20;
        let refused = loop {
            let body = serde_json::to_string(&one(sent)).unwrap();
            let answer = served.post_json("/api/v1/sightings", &body);
            if answer.status != 200 {
                break answer;
            }
            sent += 1;
        };
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(refused.head.to_ascii_lowercase().contains("retry-after"), "{}", refused.head);
        let said: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
        assert!(said["hint"].as_str().unwrap().contains("space"), "{said}");
        assert!(client.send(&one(sent)).is_err());
        // It shows what it has, full or not, and so does one that is started on the full disk.
        assert_eq!(served.get("/api/v1/findings").status, 200);
        served.program.kill();
        drop(ballast);
        let ballast = fill_disk(disk);
        let mut served = serve_on(&service, port);
        assert_eq!(served.get("/api/v1/findings").status, 200);
        served.program.kill();
        drop(ballast);
        let served = serve_on(&service, port);
        let client = Client::new(&served.url, None, None).unwrap();
        // All of them again, as one sends who saw no answer.
        (0..sent + 50).for_each(|n| drop(client.send(&one(n)).unwrap()));
        assert_eq!(counted(&service), sent as u64 + 50);
    });
}

/// On a port that is known, so that who sends finds the next one there.
fn serve_on(service: &Service, port: u16) -> Served {
    Served::start(service, &["--listen", &format!("127.0.0.1:{port}")])
}

/// Eight senders, who send again until they are answered, while `meanwhile` is under way; what it is given waits until
/// so many more were taken. How many each of them sent.
fn while_many_send(
    service: &Service,
    url: &str,
    meanwhile: impl FnOnce(&dyn Fn(usize)),
) -> Vec<usize> {
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let (stop, acknowledged) = (&stop, &acknowledged);
                scope.spawn(move || {
                    let client = Client::new(url, None, None).unwrap();
                    let mut number = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let batch: Vec<_> =
                            (number..number + 20).map(|n| sighting(service, sender, n)).collect();
                        // Until it was answered: what was cut off may have been written or not.
                        while client.send(&batch).is_err() {
                            std::thread::sleep(Duration::from_millis(10));
                        }
                        number += batch.len();
                        acknowledged.fetch_add(batch.len(), Ordering::Relaxed);
                    }
                    number
                })
            })
            .collect();
        meanwhile(&|more| {
            let before = acknowledged.load(Ordering::Relaxed);
            wait_until(LONG * 2, "some to be taken", || {
                acknowledged.load(Ordering::Relaxed) > before + more
            });
        });
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

/// Everything that was sent, of everybody, once.
fn assert_all_counted(service: &Service, sent: &[usize]) {
    assert_eq!(counted(service), sent.iter().sum::<usize>() as u64);
    let findings = service.open().findings(&Filter::default()).unwrap();
    let mut by_host = BTreeMap::<String, u64>::new();
    for seen in findings.iter().flat_map(|finding| &finding.hosts) {
        *by_host.entry(seen.name.clone()).or_default() += seen.count;
    }
    for (sender, sent) in sent.iter().enumerate() {
        assert_eq!(by_host.get(&format!("pod-{sender}")), Some(&(*sent as u64)));
    }
}

#[test]
fn a_program_under_run_sends_what_it_reports_and_keeps_it_while_serve_is_away() {
    let service = Service::new();
    let report = service.path("report.txt");
    std::fs::write(&report, REPORT).unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let run = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
        command
            .args(["run", "--to", &url, "--store-timeout", "1s", "--service", name, "--spool"])
            .arg(service.path("other-machine"))
            .args(["--", "sh", "-c", "cat \"$1\" >&2", "sh"])
            .arg(&report)
            .env("XDG_STATE_HOME", service.path("state"));
        let mut program = Running::start(&mut command);
        program.wait_for_end(LONG);
    };
    run("first");
    assert_eq!(counted(&service), 0, "nobody is there");
    let served = Served::start(&service, &["--listen", &listen]);
    run("second");
    wait_until(LONG, "both to arrive", || counted(&service) == 2);
    let finding = &service.open().findings(&Filter::default()).unwrap()[0];
    let services: Vec<&str> = finding.services.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(services, ["first", "second"]);
    assert!(!service.path("state/photofinish/findings.db").exists(), "nothing is kept here");
    drop(served);
}

#[test]
fn who_sends_too_much_at_once_is_told_to_come_back_and_loses_nothing() {
    let service = Service::new();
    let served = service.serve(&["--intake", "256KiB"]);
    let url = &served.url;
    let senders: Vec<usize> = (0..24).collect();
    std::thread::scope(|scope| {
        for sender in senders {
            let service = &service;
            scope.spawn(move || {
                let client = Client::new(url, None, None).unwrap();
                let batch: Vec<_> = (0..25).map(|n| sighting(service, sender, n)).collect();
                while let Err(error) = client.send(&batch) {
                    assert!(error.pause().is_some(), "{error}");
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
    });
    assert_eq!(counted(&service), 24 * 25);
    let metrics = served.get("/metrics").body;
    let pushed = metrics.lines().find(|line| line.contains("pushed_back_total ")).unwrap();
    assert!(!pushed.ends_with(" 0"), "nobody was pushed back: {metrics}");
}

#[test]
fn a_report_too_long_to_be_sent_arrives_without_its_end() {
    let service = Service::new();
    let served = service.serve(&[]);
    let client = Client::new(&served.url, None, None).unwrap();
    let mut long = sighting(&service, 1, 1);
    long.race.raw = "WARNING: DATA RACE\n".repeat(2_000_000);
    let short = sighting(&service, 1, 2);
    let recorded = client.send(&[long, short]).unwrap();
    assert_eq!(recorded.len(), 2);
    let id = &recorded[0].fingerprint;
    let raw = served.get(&format!("/findings/{id}/raw"));
    assert!(raw.body.ends_with("too long to be sent\n"), "{}", raw.body.len());
}

#[test]
fn over_tls_and_with_the_wrong_token_it_says_what_is_wrong() {
    let service = Service::new();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(service.path("cert.pem"), key.cert.pem()).unwrap();
    std::fs::write(service.path("key.pem"), key.signing_key.serialize_pem()).unwrap();
    std::fs::write(service.path("token"), "a-token-that-nobody-guesses").unwrap();
    std::fs::write(service.path("wrong"), "another-that-is-not-it").unwrap();
    let path = |name: &str| service.path(name).to_str().unwrap().to_owned();
    let served = service.serve(&[
        "--tls-cert",
        &path("cert.pem"),
        "--tls-key",
        &path("key.pem"),
        "--token-file",
        &path("token"),
    ]);
    assert!(served.url.starts_with("https://"));
    let url = served.url.replace("127.0.0.1", "localhost");
    let authority = service.path("cert.pem");
    let client = |token: &str| {
        let token = photofinish_dashboard::Token::read(&service.path(token)).unwrap();
        Client::new(&url, Some(token), Some(&authority)).unwrap()
    };
    let batch = [sighting(&service, 1, 1)];
    assert!(client("token").send(&batch).unwrap()[0].new);
    let error = client("wrong").send(&batch).unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    assert!(error.hint().unwrap().contains("token"));
    let strangers = Client::new(&url, None, None).unwrap();
    assert!(strangers.send(&batch).unwrap_err().to_string().contains("does not answer"));
}
