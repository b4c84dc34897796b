//! What programs ask for.

use crate::support::{LONG, Service};
use photofinish_testkit::wait_until;
use serde_json::json;

#[test]
fn findings_are_listed_filtered_shown_and_decided_over_http() {
    let service = Service::new().with_findings(3);
    let served = service.serve(&[]);
    let all = served.get("/api/v1/findings").json();
    assert_eq!(all["total"], 4);
    assert_eq!(all["by_state"]["new"], 4);
    let found = served.get("/api/v1/findings?q=getcached&source=canary").json();
    assert_eq!(found["total"], 1);
    let id = found["findings"][0]["id"].as_str().unwrap().to_owned();
    let one = served.get(&format!("/api/v1/findings/{id}")).json();
    assert_eq!(one["race"]["accesses"].as_array().unwrap().len(), 2);
    assert_eq!(one["owners"], json!(["@payments"]));

    let actions = format!("/api/v1/findings/{id}/actions");
    let without_who = served.post_json(&actions, r#"{"action": "acknowledge"}"#);
    assert_eq!(without_who.status, 422, "{without_who:?}");
    let done =
        served.post_json(&actions, r#"{"action": "acknowledge", "by": "mia", "why": "on it"}"#);
    assert_eq!(done.json()["state"], "acknowledged");
    assert_eq!(served.get(&format!("/api/v1/findings/{id}/state")).json()["acknowledged"], true);
    let fixed = served.post_json(&actions, r#"{"action": "fix", "by": "mia", "fixed_in": "v2"}"#);
    assert_eq!(fixed.json()["state"], "fixed");
    let refused = served.post_json(&actions, r#"{"action": "acknowledge", "by": "mia"}"#);
    assert_eq!(refused.status, 409);
    assert!(refused.json()["because"].as_str().unwrap().contains("nothing left"));
    assert_eq!(served.get("/api/v1/findings/ffffffffffffffff").status, 404);
}

#[test]
fn a_sighting_that_is_sent_twice_counts_once() {
    let service = Service::new();
    let served = service.serve(&[]);
    let race = service.race(["main.get", "main.set"], "cache.go", [6, 11]);
    let race = serde_json::to_value(photofinish_store::json::RaceJson::from(&race)).unwrap();
    let sighting = json!([{
        "key": "run/1/0", "race": race, "source": "canary", "service": "api", "build": "v1",
        "host": "pod-1", "pid": 7, "at": "2026-11-21T10:00:00Z"
    }]);
    let first = served.post_json("/api/v1/sightings", &sighting.to_string()).json();
    assert_eq!((&first[0]["new"], &first[0]["duplicate"]), (&json!(true), &json!(false)));
    let again = served.post_json("/api/v1/sightings", &sighting.to_string()).json();
    assert_eq!((&again[0]["new"], &again[0]["duplicate"]), (&json!(false), &json!(true)));
    let id = first[0]["fingerprint"].as_str().unwrap();
    assert_eq!(served.get(&format!("/api/v1/findings/{id}")).json()["count"], 1);
    let metrics = served.get("/metrics").body;
    for line in [
        "photofinish_findings{state=\"new\"} 1",
        "photofinish_sightings_total{source=\"canary\"} 1",
        "photofinish_collector_sightings_total{outcome=\"duplicate\"} 1",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} in {metrics}");
    }
}

#[test]
fn whoever_changes_a_finding_open_pages_are_told() {
    use std::io::{BufRead, BufReader, Write};
    let service = Service::new().with_findings(0);
    let served = service.serve(&[]);
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nhost: {}\r\n\r\n", served.address).unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("event: hello")));
    // Not through the server: as `findings ack` or `run` on the same machine would.
    let race = service.race(["main.other", "main.another"], "cache.go", [6, 11]);
    let now = jiff::Timestamp::now();
    let source = photofinish_store::Source::Run;
    crate::support::record(&mut service.open(), "elsewhere", &race, source, "v1", now);
    assert!(lines.any(|line| line.unwrap().contains("event: changed")));
}

#[test]
fn sigterm_ends_it_in_good_order() {
    let service = Service::new();
    let mut served = service.serve(&[]);
    assert_eq!(served.get("/healthz").body, "ok\n");
    let pid = served.program.pid().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(served.program.wait_for_end(LONG).success());
    wait_until(LONG, "the port is free", || std::net::TcpStream::connect(&served.address).is_err());
}

#[test]
fn the_dashboard_for_grafana_asks_for_figures_that_there_are() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_photofinish"))
        .args(["serve", "--print-grafana"])
        .output()
        .unwrap();
    let dashboard: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let service = Service::new();
    let served = service.serve(&[]);
    let metrics = served.get("/metrics").body;
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let proxys = include_str!("../../../../docs/proxy.md");
    for expression in asked {
        let names = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in names.filter_map(|name| name.strip_prefix("photofinish_")) {
            let known = match name.strip_prefix("proxy_") {
                Some(name) => proxys.contains(name.trim_end_matches("_bucket")),
                None => metrics.contains(&format!("\n# TYPE photofinish_{name} ")),
            };
            assert!(known, "{name} in {expression}");
        }
    }
}
