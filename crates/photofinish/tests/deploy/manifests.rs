//! What is written is right for API servers, and is the same printed, put together by kubectl, and written.

use super::judge::{Judge, documents};
use super::{FULL, Place, SMALL, named, stderr};
use serde_json::Value;

/// Sorted, and without what kubectl may order otherwise.
fn canonical(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| format!("{}/{}", object["kind"], object["metadata"]["name"]));
    objects
}

/// The configuration with another target, and what that target cannot do taken out.
pub(crate) fn for_target(target: &str) -> String {
    let full = FULL.replace("[deploy]", &format!("[deploy]\ntarget = \"{target}\""));
    match target {
        "nginx-ingress" => full
            .replace("share = \"12.5%\"", "share = \"100%\"")
            .replace(
                "    { methods = [\"POST\"], path = \"/search\", copy = true },\n",
                "    { copy = true },\n",
            )
            .replace("    { path = \"/admin/*\", copy = false },\n", "")
            .replace("infra/public", "nginx"),
        _ => full,
    }
}

#[test]
fn every_overlay_of_every_target_is_what_is_printed_and_conforms() {
    let Some(judge) = Judge::get() else { return };
    for target in ["gateway-api", "istio", "nginx-ingress"] {
        let place = Place::new(&for_target(target));
        place.write();
        // Judged in one go: reading the schemas is what takes long.
        let mut everything = String::new();
        for overlay in ["canary", "mirror", "jobs", "catch", "serve", "all"] {
            let printed = place.run(&["--overlay", overlay]);
            assert!(printed.status.success(), "{}", stderr(&printed));
            let text = String::from_utf8(printed.stdout).unwrap();
            everything.push_str("---\n");
            everything.push_str(&text);
            let built = judge.kustomize(&place.path().join("deploy/overlays").join(overlay));
            assert_eq!(canonical(built), canonical(documents(&text)), "{target} {overlay}");
        }
        let base = place.run(&["--overlay", "base"]);
        let base = documents(&String::from_utf8(base.stdout).unwrap());
        assert_eq!(canonical(judge.kustomize(&place.path().join("deploy/base"))), canonical(base));
        let role = std::fs::read_to_string(place.path().join("deploy/check-role.yaml"));
        everything.push_str("---\n");
        everything.push_str(&role.unwrap());
        judge.conforms(&everything);
    }
}

#[test]
fn two_lines_of_configuration_are_enough() {
    let Some(judge) = Judge::get() else { return };
    let place = Place::new(SMALL);
    place.write();
    let built = judge.kustomize(&place.path().join("deploy/overlays/all"));
    named(&built, "HTTPRoute", "orders");
    named(&built, "Deployment", "orders-race");
    let printed = place.run(&[]);
    judge.conforms(&String::from_utf8(printed.stdout).unwrap());
}

#[test]
fn a_judge_that_is_asked_refuses_what_an_api_server_would() {
    let Some(judge) = Judge::get() else { return };
    let place = Place::new(FULL);
    let good = String::from_utf8(place.run(&[]).stdout).unwrap();
    for (right, wrong) in [
        ("replicas: 20", "replicaz: 20"),
        ("numerator: 125", "numerator: \"125\""),
        ("minReplicaCount:", "minReplicas:"),
        ("podTargetLabels:", "podTargetLabel:"),
        ("weight: 2", "weight: -2"),
    ] {
        assert!(good.contains(right), "{right}");
        let bad = good.replace(right, wrong);
        assert!(std::panic::catch_unwind(|| judge.conforms(&bad)).is_err(), "{wrong} passes");
    }
}

#[test]
fn what_is_written_has_nothing_in_it_that_nobody_would_write() {
    let place = Place::new(FULL);
    let text = String::from_utf8(place.run(&[]).stdout).unwrap();
    for odd in ["null", "status:", "creationTimestamp", "{}", ":latest", "managedFields"] {
        assert!(!text.contains(odd), "{odd} in:\n{text}");
    }
    for secret in ["redis://10.0.0.7", "password:"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let longest =
        text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::len).max();
    assert!(longest.is_some_and(|length| length <= 110), "{longest:?}");
}

#[test]
fn a_folder_is_written_again_and_not_over_what_a_person_changed() {
    let place = Place::new(FULL);
    place.write();
    let again = String::from_utf8(place.write().stdout).unwrap();
    assert!(!again.contains("wrote ") && again.contains("files were as they should be"), "{again}");
    let file = place.path().join("deploy/base/route.yaml");
    std::fs::write(&file, "mine").unwrap();
    let refused = place.run(&["--out", "deploy"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = stderr(&refused);
    assert!(said.contains("base/route.yaml") && said.contains("--force"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(place.run(&["--out", "deploy", "--force"]).status.success());
    assert!(std::fs::read_to_string(&file).unwrap().contains("HTTPRoute"));
}
