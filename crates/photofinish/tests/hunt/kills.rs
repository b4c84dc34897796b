//! Race builds that are killed while requests go through them: no caller notices.

use crate::support::{Hunt, Place, kill};
use serde_json::Value;

const KILLS: usize = 3;

#[test]
fn a_canary_that_is_killed_again_and_again_costs_no_caller_an_answer() {
    let place = Place::new();
    let hunt = hunt(&place, "GET");
    kill_the_canary(&hunt);
    no_caller_noticed(&hunt.finish());
}

/// What was under way is sent to the normal build, since the load marks its requests as ones to resend.
#[test]
fn nor_does_it_when_the_requests_may_not_be_sent_twice_by_themselves() {
    let place = Place::new();
    let hunt = hunt(&place, "POST");
    kill_the_canary(&hunt);
    no_caller_noticed(&hunt.finish());
}

#[test]
fn a_mirror_that_is_killed_again_and_again_costs_no_caller_an_answer() {
    let place = Place::new();
    let hunt = hunt(&place, "POST");
    let mut killed = Vec::new();
    for _ in 0..KILLS {
        let pid = hunt.process("mirror", &killed);
        kill(pid);
        killed.push(pid);
    }
    hunt.said("mirror: process", KILLS);
    let found = hunt.finish();
    assert_eq!(found["load"]["errors"], 0, "{}", found["load"]);
    let mirror = variant(&found["variants"], "name", "mirror");
    assert!(mirror["starts"].as_u64().unwrap() >= KILLS as u64, "{mirror}");
    let failures = variant(&found["proxy"]["variants"], "variant", "mirror")["failures"].clone();
    let failed: u64 = failures.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert!(failed > 0, "{failures}");
}

/// A hunt that goes on until it is told to stop.
fn hunt(place: &Place, method: &str) -> Hunt {
    let requests = format!("[[load.request]]\nmethod = \"{method}\"\npath = \"/order?item=tea\"\n");
    let url = "[service]\nurl = \"http://127.0.0.1:0/\"\nargs = [\"-addr=127.0.0.1:{port}\"]\n";
    let file = place.module.join("photofinish.toml");
    std::fs::write(file, format!("{url}{requests}")).unwrap();
    let flags = ["--for", "10m", "--baseline", "0", "--concurrency", "20", "--format", "json"];
    let hunt = place.start_as_written(&flags);
    hunt.said("driving load", 1);
    hunt
}

/// Each time it is back and has requests; and it is back at the end.
fn kill_the_canary(hunt: &Hunt) {
    let mut killed = Vec::new();
    for _ in 0..KILLS {
        let pid = hunt.process("canary", &killed);
        hunt.canary_is_not_left_alone();
        kill(pid);
        killed.push(pid);
    }
    hunt.process("canary", &killed);
    hunt.canary_is_not_left_alone();
}

fn no_caller_noticed(found: &Value) {
    let load = &found["load"];
    assert!(load["completed"].as_u64().unwrap() > 100, "{load}");
    assert_eq!(load["errors"], 0, "{load}");
    assert_eq!(found["proxy"]["lost_to_the_canary"], 0);
    let canary = variant(&found["variants"], "name", "canary");
    assert!(canary["starts"].as_u64().unwrap() > KILLS as u64, "{canary}");
    let canary = variant(&found["proxy"]["variants"], "variant", "canary");
    assert!(canary["retries"].as_u64().unwrap() > 0, "{canary}");
    assert!(canary["ejections"].as_u64().unwrap() > 0, "{canary}");
}

fn variant(variants: &Value, key: &str, name: &str) -> Value {
    let variants = variants.as_array().unwrap();
    variants.iter().find(|variant| variant[key] == name).unwrap().clone()
}
