//! `photofinish hunt` on services that are not the example: real builds, real load, real reports.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod kills;
mod queue;
mod support;
mod ways;

use serde_json::Value;
use std::net::TcpListener;
use support::{Place, talk};

#[test]
fn a_racy_service_is_found_out_and_its_repaired_twin_is_not() {
    let place = Place::new();
    let racy = place.hunt(&["--for", "3s", "--baseline", "1s", "--format", "json"]);
    assert_eq!(racy.status.code(), Some(1), "{}", talk(&racy));
    let found: Value = serde_json::from_slice(&racy.stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding["kind"], "data-race");
        assert_eq!(finding["accesses"].as_array().unwrap().len(), 2);
        assert_eq!(finding["new"], true);
        let sources = finding["sources"].as_object().unwrap();
        let ways = ["canary", "mirror", "catch"];
        assert!(sources.keys().all(|way| ways.contains(&way.as_str())), "{sources:?}");
        let seen: u64 = finding["seen_by"]
            .as_array()
            .unwrap()
            .iter()
            .map(|by| by["sightings"].as_u64().unwrap())
            .sum();
        assert_eq!(finding["count"].as_u64().unwrap(), seen);
        let title = finding["title"].as_str().unwrap();
        assert!(title.contains("main.(*book)."), "{title}");
    }
    assert!(found["load"]["completed"].as_u64().unwrap() > 100, "{}", found["load"]);
    let variants: Vec<&str> =
        found["variants"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(variants, ["stable", "canary", "mirror"]);
    assert!(found["variants"][0]["load"]["completed"].as_u64().unwrap() > 100);
    assert_eq!(found["load"]["errors"], 0, "{}", found["load"]);
    // Every report that a race build printed is counted.
    let reports: u64 =
        found["variants"].as_array().unwrap().iter().map(|v| v["reports"].as_u64().unwrap()).sum();
    let by = |finding: &Value, way| finding["sources"][way].as_u64().unwrap_or(0);
    let counted: u64 = findings.iter().map(|it| by(it, "canary") + by(it, "mirror")).sum();
    assert_eq!(reports, counted);

    let repaired =
        place.hunt(&["--for", "3s", "--baseline", "0", "--tags", "repaired", "--format", "json"]);
    assert_eq!(repaired.status.code(), Some(0), "{}", talk(&repaired));
    let found: Value = serde_json::from_slice(&repaired.stdout).unwrap();
    assert_eq!(found["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn a_person_reads_both_stacks_the_load_and_the_next_step() {
    let place = Place::new();
    let output = place.hunt(&["--for", "2s", "--baseline", "0", "--concurrency", "40"]);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "main.(*book).place",
        "book_racy.go",
        "previous ",
        "\ncallers ",
        "\n  canary ",
        "\n  mirror ",
        "callers: p99 ",
        "0 errors that callers saw were its own",
        "answers compared, 0 differences found",
        "photofinish findings show",
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    let talk = String::from_utf8(output.stderr).unwrap();
    for part in [
        "building orders (race)",
        "the mirror answers at http://",
        "stable, canary, mirror behind http://",
        "new finding",
    ] {
        assert!(talk.contains(part), "no {part} in:\n{talk}");
    }
}

#[test]
fn a_service_that_ends_at_once_is_told_with_its_last_words() {
    let place = Place::new();
    let output = place.hunt(&["--for", "2s", "--env", "FAIL=no database"]);
    assert_eq!(output.status.code(), Some(2));
    let talk = talk(&output);
    assert!(
        talk.contains("ended before it answered") && talk.contains("orders: no database"),
        "{talk}"
    );
    assert!(talk.contains("try: give it what it needs"), "{talk}");
}

#[test]
fn a_service_that_never_answers_is_given_up() {
    let place = Place::new();
    let output = place.hunt(&["--for", "2s", "--env", "SILENT=1", "--ready-timeout", "2s"]);
    assert_eq!(output.status.code(), Some(2));
    let talk = talk(&output);
    assert!(talk.contains("did not answer at http://") && talk.contains("within 2 s"), "{talk}");
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_built() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let output = place
        .command()
        .args(["hunt", "--package", "./cmd/orders", "--url", &url])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let talk = talk(&output);
    assert!(
        talk.contains("something already listens on 127.0.0.1:") && talk.contains("ss -ltnp"),
        "{talk}"
    );
}

#[test]
fn a_configuration_with_a_typo_is_refused_with_its_line() {
    let place = Place::new();
    std::fs::write(place.module.join("photofinish.toml"), "[service]\npackge = \"./cmd/orders\"\n")
        .unwrap();
    let output = place.command().arg("hunt").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let talk = talk(&output);
    assert!(talk.contains("line 2") && talk.contains("`package`"), "{talk}");
}

#[test]
fn without_a_url_it_says_what_to_give() {
    let place = Place::new();
    let output = place.command().args(["hunt", "--package", "./cmd/orders"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("try: give --url http://127.0.0.1:8080/"), "{}", talk(&output));
}
