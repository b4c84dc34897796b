//! Which builds run, where their traffic comes from, and what is said where they cannot.

use crate::support::{Place, talk};
use photofinish_testkit::free_port;
use serde_json::Value;

#[test]
fn one_build_at_a_time_is_hunted_on_the_services_own_port() {
    let place = Place::new();
    let flags = ["--ways", "load", "--for", "2s", "--baseline", "1s", "--format", "json"];
    let output = place.hunt(&flags);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(names(&found), ["stable", "race"]);
    assert_eq!(found["proxy"], Value::Null);
    assert_eq!(found["load"], found["variants"][1]["load"]);
    assert!(found["findings"][0]["sources"]["load"].as_u64().unwrap() >= 1);
}

#[test]
fn a_service_that_is_not_told_its_port_is_hunted_one_build_at_a_time() {
    let place = Place::new();
    let address = format!("127.0.0.1:{}", free_port());
    let (url, arg) = (format!("http://{address}/order"), format!("--arg=-addr={address}"));
    let flags = ["--url", &url, &arg, "--for", "1s", "--baseline", "0", "--format", "json"];
    let output = place.hunt(&flags);
    let said = talk(&output);
    assert!(said.contains("one build at a time, since several need ports"), "{said}");
    assert_eq!(names(&serde_json::from_slice(&output.stdout).unwrap()), ["race"]);

    let output = place.hunt(&[&flags[..], &["--ways", "mirror"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let said = talk(&output);
    assert!(said.contains("{port}") && said.contains("try: say --arg="), "{said}");
}

#[test]
fn a_second_port_that_is_fixed_is_told_with_the_way_out() {
    let place = Place::new();
    let metrics = format!("--arg=-metrics=127.0.0.1:{}", free_port());
    let output = place.hunt(&[&metrics, "--for", "1s", "--baseline", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let said = talk(&output);
    assert!(said.contains("the canary build of orders ended before it answered"), "{said}");
    assert!(said.contains("address already in use") && said.contains("--ways load"), "{said}");
}

#[test]
fn a_mirror_without_a_canary_sees_every_request_and_no_caller_meets_a_race_build() {
    let place = Place::new();
    let flags = [
        "--canary",
        "0%",
        "--concurrency",
        "10",
        "--for",
        "2s",
        "--baseline",
        "0",
        "--format",
        "json",
    ];
    let output = place.hunt(&flags);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(names(&found), ["stable", "mirror"]);
    let [stable, mirror] = &found["proxy"]["variants"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(stable["requests"], found["load"]["sent"]);
    let copies = mirror["requests"].as_u64().unwrap() + dropped(mirror);
    // The last ones may have been on their way when the hunt ended.
    let missing = stable["requests"].as_u64().unwrap().checked_sub(copies);
    assert!(missing.is_some_and(|missing| missing <= 10), "{stable}\n{mirror}");
    assert!(found["findings"][0]["sources"]["mirror"].as_u64().unwrap() >= 1);
}

#[test]
fn the_normal_build_is_looked_at_from_outside_while_it_serves() {
    if !photofinish_testkit::may_catch() {
        return;
    }
    let place = Place::new();
    let flags = ["--ways", "catch", "--catch", "60%", "--for", "20s", "--baseline", "0"];
    let output = place.hunt(&[&flags[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(names(&found), ["stable"]);
    assert_eq!(found["catch"]["failure"], Value::Null, "{}", found["catch"]);
    assert!(found["catch"]["samples"].as_u64().unwrap() > 0, "{}", found["catch"]);
    let by_catch = |finding: &&Value| finding["variant"] == "catch";
    let caught = found["findings"].as_array().unwrap().iter().find(by_catch);
    let caught = caught.unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(caught["detector"], "photofinish");
    assert!(caught["first_after_ms"].as_u64().is_some() && caught["new"] == true, "{caught:#}");
}

#[test]
fn answers_that_only_a_race_build_breaks_are_a_finding() {
    let place = Place::new();
    let broken = place.hunt(&[&SUMMARIES[..], &["--env", "BREAK=1"]].concat());
    assert_eq!(broken.status.code(), Some(1), "{}", talk(&broken));
    let found: Value = serde_json::from_slice(&broken.stdout).unwrap();
    let kinds: Vec<_> = found["findings"].as_array().unwrap().iter().map(|f| &f["kind"]).collect();
    assert_eq!(kinds, ["answer-diff"], "{found}");
    assert_eq!(found["findings"][0]["answer_diff"]["route"], "GET /summary");
    assert_eq!(found["findings"][0]["seen_by"][0]["variant"], "mirror");
    let said = talk(&broken);
    assert!(said.contains("mirror: GET /summary answers differently at body"), "{said}");

    // Both count orders of their own, so their values differ all the time, and rightly.
    let whole = place.hunt(&SUMMARIES);
    assert_eq!(whole.status.code(), Some(0), "{}", talk(&whole));
    let found: Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert!(found["proxy"]["variants"][1]["compared"]["same"].as_u64().is_some(), "{found}");
}

const SUMMARIES: [&str; 13] = [
    "--url",
    "http://127.0.0.1:0/summary",
    "--arg=-addr=127.0.0.1:{port}",
    "--tags",
    "repaired",
    "--canary",
    "0%",
    "--for",
    "2s",
    "--baseline",
    "0",
    "--format",
    "json",
];

fn names(found: &Value) -> Vec<&str> {
    let variants = found["variants"].as_array().unwrap();
    variants.iter().map(|variant| variant["name"].as_str().unwrap()).collect()
}

fn dropped(mirror: &Value) -> u64 {
    let dropped = mirror["dropped"].as_object().unwrap();
    // What was refused had been made.
    let causes = dropped.iter().filter(|(cause, _)| *cause != "refused");
    causes.map(|(_, n)| n.as_u64().unwrap()).sum()
}
