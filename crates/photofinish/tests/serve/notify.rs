//! Who is told of new and regressed findings, however long he was away.

use crate::support::{LONG, Served, Service, record};
use hmac::{Hmac, KeyInit, Mac};
use photofinish_store::{Action, Decision, Filter, Source};
use photofinish_testkit::{free_port, wait_for};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Somebody who is told, and refuses the first few messages.
pub(crate) struct Receiver {
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    pub(crate) fn start(port: u16, mut refusals: usize) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&heard);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
                let length = head.to_ascii_lowercase();
                let length = length.split("content-length: ").nth(1).and_then(|rest| {
                    rest.split("\r\n").next().and_then(|length| length.parse().ok())
                });
                let mut body = vec![0; length.unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                let status = if refusals > 0 { "500 No" } else { "204 Yes" };
                refusals = refusals.saturating_sub(1);
                if status.starts_with("204") {
                    let told = (head, serde_json::from_slice(&body).unwrap());
                    written.lock().unwrap().push(told);
                }
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Receiver { heard }
    }

    /// The first message to an address, once it is there.
    pub(crate) fn wait_for_one_to(&self, path: &str) -> (String, Value) {
        let line = format!("POST {path} HTTP/1.1\r\n");
        wait_for(LONG, &line, || {
            let heard = self.heard.lock().unwrap();
            heard.iter().find(|(head, _)| head.starts_with(&line)).cloned()
        })
    }

    /// The messages, once there are so many.
    pub(crate) fn wait_for(&self, n: usize) -> Vec<(String, Value)> {
        wait_for(LONG, "messages", || {
            let heard = self.heard.lock().unwrap();
            (heard.len() >= n).then(|| heard.clone())
        })
    }
}

/// A configuration with one webhook, in short times.
pub(crate) fn configure(service: &Service, webhook: &str) {
    let text = format!(
        "[notify]\npage = \"https://findings.example\"\ngroup = \"200ms\"\nevery = \"100ms\"\n\
         first_retry = \"50ms\"\nlast_retry = \"200ms\"\nmetrics_every = \"300ms\"\n\n[[notify.webhook]]\n{webhook}\n"
    );
    std::fs::write(service.path("photofinish.toml"), text).unwrap();
}

pub(crate) fn see(service: &Service, name: &str, build: &str) {
    let names = [format!("main.get{name}"), format!("main.set{name}")];
    let race = service.race([&names[0], &names[1]], "cache.go", [6, 11]);
    let now = jiff::Timestamp::now();
    let key = format!("{name}-{build}");
    record(&mut service.open(), &key, &race, Source::Canary, build, now);
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

#[test]
fn a_receiver_that_was_away_is_told_once_it_is_back_even_if_serve_was_killed_meanwhile() {
    let service = Service::new().with_findings(3);
    std::fs::write(service.path("secret"), "known to both\n").unwrap();
    let port = free_port();
    configure(
        &service,
        &format!("url = \"http://127.0.0.1:{port}/hook\"\nsecret_file = \"secret\""),
    );
    let mut served = service.serve(&[]);
    served.get("/healthz");
    see(&service, "Fresh", "v1");
    see(&service, "Other", "v1");
    std::thread::sleep(std::time::Duration::from_millis(700));
    served.program.kill();
    let served = Served::start(&service, &[]);
    let receiver = Receiver::start(port, 2);
    let heard = receiver.wait_for(1);
    let (head, told) = &heard[0];
    let events = told["events"].as_array().unwrap();
    let titles: Vec<&str> =
        events.iter().map(|event| event["finding"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["main.getFresh ↔ main.setFresh", "main.getOther ↔ main.setOther"]);
    assert!(events.iter().all(|event| event["event"] == "new"));
    assert_eq!(events[0]["finding"]["owners"][0], "@payments");
    let url = events[0]["finding"]["url"].as_str().unwrap();
    assert!(url.starts_with("https://findings.example/findings/"), "{url}");

    let mut mac = Hmac::<Sha256>::new_from_slice(b"known to both").unwrap();
    mac.update(format!("{}.{told}", header(head, "x-photofinish-timestamp")).as_bytes());
    let signature: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header(head, "x-photofinish-signature"), format!("v1={signature}"));

    // Fixed, and seen again in a later build: told as that.
    let mut store = service.open();
    let id = store.findings(&Filter::default()).unwrap();
    let id = id.iter().find(|one| one.title.contains("Fresh")).unwrap().fingerprint.clone();
    let decision = Decision { by: "mia".into(), why: String::new(), at: jiff::Timestamp::now() };
    store.change(&[id], &Action::Fix { fixed_in: Some("v2".into()) }, &decision).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    store.saw_build(Some("payments"), "v2", jiff::Timestamp::now()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    see(&service, "Fresh", "v3");
    let heard = receiver.wait_for(2);
    assert_eq!(heard[1].1["events"][0]["event"], "regressed");
    drop(served);
}

/// An hour's worth of tries and findings, with the pauses of the configuration made short: the schedule is the
/// configuration's, and nothing in it knows how long an hour is.
#[test]
fn after_a_long_absence_each_finding_is_told_once_in_a_few_messages_not_too_fast() {
    let service = Service::new();
    let port = free_port();
    configure(&service, &format!("url = \"http://127.0.0.1:{port}/hook\""));
    let mut served = service.serve(&[]);
    for number in 0..70 {
        see(&service, &format!("Away{number}"), "v1");
        if number % 30 == 29 {
            // Tried in vain, and killed while it tries.
            served.program.kill();
            served = Served::start(&service, &[]);
        }
    }
    let at_first_refused = 3;
    let receiver = Receiver::start(port, at_first_refused);
    let heard = receiver.wait_for(4);
    served.program.kill();
    let served = Served::start(&service, &[]);
    see(&service, "Last", "v1");
    let title = |event: &Value| event["finding"]["title"].as_str().unwrap().to_owned();
    let told = |heard: &[(String, Value)]| -> Vec<String> {
        heard.iter().flat_map(|(_, told)| told["events"].as_array().unwrap()).map(title).collect()
    };
    let more: Vec<u64> = heard.iter().map(|(_, told)| told["more"].as_u64().unwrap()).collect();
    assert_eq!(more[..4], [50, 30, 10, 0]);
    let heard = wait_for(LONG, "the last finding", || {
        let heard = receiver.heard.lock().unwrap().clone();
        told(&heard).iter().any(|title| title.contains("Last")).then_some(heard)
    });
    // What was taken in the moment of the kill may come again, with its number.
    let events = || heard.iter().flat_map(|(_, told)| told["events"].as_array().unwrap());
    let numbers: BTreeSet<i64> = events().map(|event| event["id"].as_i64().unwrap()).collect();
    let titles: BTreeSet<String> = events().map(title).collect();
    assert_eq!((numbers.len(), titles.len()), (71, 71), "each is told, none under two numbers");
    assert!(events().count() <= 71 + 10, "only the message of the kill comes again");
    assert!(heard.len() <= 6, "{} messages", heard.len());
    drop(served);
}

#[test]
fn many_at_once_are_told_together() {
    let service = Service::new();
    let port = free_port();
    configure(&service, &format!("kind = \"slack\"\nurl = \"http://127.0.0.1:{port}/\""));
    let receiver = Receiver::start(port, 0);
    let _served = service.serve(&[]);
    let mut store = service.open();
    let races: Vec<_> = (0..30)
        .map(|n| service.race([&format!("main.<get>{n}"), "main.set"], "cache.go", [6, 11]))
        .collect();
    let keys: Vec<String> = (0..30).map(|n| format!("many-{n}")).collect();
    let sightings: Vec<_> = races
        .iter()
        .zip(&keys)
        .map(|(race, key)| photofinish_store::NewSighting {
            key,
            race,
            source: Source::Catch,
            service: Some("payments"),
            build: Some("v1"),
            host: None,
            pid: None,
            at: jiff::Timestamp::now(),
        })
        .collect();
    store.record_all(&sightings).unwrap();
    let (_, told) = &receiver.wait_for(1)[0];
    assert_eq!(told["text"], "30 new races");
    let text = told["blocks"].to_string();
    assert!(text.contains("and 10 more") && text.contains("&lt;get&gt;"), "{text}");
}

#[test]
fn alertmanager_hears_of_the_beginning_and_of_the_end() {
    let service = Service::new();
    let port = free_port();
    configure(
        &service,
        &format!("kind = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}/api/v2/alerts\""),
    );
    let receiver = Receiver::start(port, 0);
    let served = service.serve(&[]);
    see(&service, "Fresh", "v1");
    let heard = receiver.wait_for(1);
    let alert = &heard[0].1[0];
    assert_eq!(alert["labels"]["alertname"], "PhotofinishFinding");
    assert!(alert["endsAt"].as_str() > alert["startsAt"].as_str());
    let id = alert["labels"]["finding"].as_str().unwrap();
    let action = r#"{"action": "acknowledge", "by": "mia"}"#;
    served.post_json(&format!("/api/v1/findings/{id}/actions"), action);
    let heard = receiver.wait_for(2);
    let ended = &heard[1].1[0];
    assert_eq!(ended["labels"], alert["labels"]);
    let end: jiff::Timestamp = ended["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(end <= jiff::Timestamp::now(), "{ended}");
}
