use super::*;
use photofinish_model::{Answered, Detector, GoroutineId, Kind, Op};

fn access(op: Op, function: &str, goroutine: u64) -> Access {
    let frame = |function: &str, file: &str, line| Frame {
        file: Some(file.into()),
        line: Some(line),
        ..Frame::new(function)
    };
    let mut access = Access::new(op);
    access.goroutine = Some(GoroutineId::Number(goroutine));
    access.stack = Stack::from(vec![
        frame("runtime.mapassign", "/usr/local/go/src/runtime/map.go", 600),
        frame(function, "/build dir/cart/cart.go", 12),
        frame("main.handle", "/build dir/main.go", 40),
    ]);
    access.created_at = Stack::from(vec![frame("main.main", "/build dir/main.go", 7)]);
    access
}

fn race(functions: [&str; 2]) -> Race {
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
    race.accesses = vec![access(Op::Write, functions[0], 7), access(Op::Read, functions[1], 8)];
    race
}

#[test]
fn a_race_is_a_result_with_two_thread_flows() {
    let log = sarif_of_races(&[race(["main.set", "main.get"])], None);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(log["version"], "2.1.0");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "file:///build%20dir/cart/cart.go");
    assert_eq!(place["region"]["startLine"], 12);
    assert_eq!(result["relatedLocations"].as_array().unwrap().len(), 3);
    let flows = result["codeFlows"][0]["threadFlows"].as_array().unwrap();
    assert_eq!(flows.len(), 2);
    let steps = flows[0]["locations"].as_array().unwrap();
    let words: Vec<_> =
        steps.iter().map(|step| step["location"]["message"]["text"].as_str().unwrap()).collect();
    assert_eq!(words, ["main.main creates it", "main.handle", "main.get", "read by goroutine 8"]);
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], result["ruleId"]);
    assert_eq!(result["ruleIndex"], 0);
}

#[test]
fn a_result_keeps_its_place_whichever_access_is_printed_first() {
    let one = sarif_of_races(&[race(["main.set", "main.get"])], None);
    let mut turned = race(["main.set", "main.get"]);
    turned.accesses.reverse();
    let other = sarif_of_races(&[turned], None);
    let key = |log: &Value| {
        let result = &log["runs"][0]["results"][0];
        (
            result["locations"].clone(),
            result["partialFingerprints"].clone(),
            result["ruleId"].clone(),
        )
    };
    assert_eq!(key(&one), key(&other));
}

#[test]
fn the_same_race_twice_is_one_result() {
    let race = race(["main.set", "main.get"]);
    let log = sarif_of_races(&[race.clone(), race], None);
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["occurrenceCount"], 2);
}

#[test]
fn paths_are_relative_to_the_repository_where_they_lie_in_it() {
    let repository = Repository { root: "/build dir".into(), ..Repository::default() };
    let log = sarif_of_races(&[race(["main.set", "main.get"])], Some(&repository));
    let result = &log["runs"][0]["results"][0];
    let artifact = &result["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(*artifact, json!({"uri": "cart/cart.go", "uriBaseId": "%SRCROOT%"}));
}

#[test]
fn no_races_are_a_run_without_results() {
    let log = sarif_of_races(&[], None);
    assert_eq!(log["runs"][0]["results"], json!([]));
}

#[test]
fn an_answer_that_differs_is_a_warning_at_a_route() {
    let side = |value: &str| Answered { status: 200, value: value.into(), ..Answered::default() };
    let diff = AnswerDiff {
        route: "GET /orders/{}".into(),
        place: "$.total".into(),
        primary: side("1999"),
        mirror: side("2998"),
        request: None,
        compared: 5214,
        differed: 3,
    };
    let log = sarif_of_races(&[diff.to_race()], None);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["level"], "warning");
    let place = &result["locations"][0]["logicalLocations"][0];
    assert_eq!(*place, json!({"fullyQualifiedName": "GET /orders/{}", "kind": "resource"}));
    let file = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(file, "go.mod", "code scanning refuses all results if one has no file");
    let words = result["message"]["text"].as_str().unwrap();
    assert!(
        words.starts_with(
            "GET /orders/{} answers differently at $.total: 2998 instead of 1999 (3 of 5214"
        ),
        "{words}"
    );
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["properties"]["precision"]),
        (&json!("AnswerDiff"), &json!("medium"))
    );
}

#[test]
fn a_crash_without_a_stack_has_a_place_too() {
    let crash = Race::new(Kind::FatalError, Detector::GoRuntime, "out of memory");
    let log = sarif_of_races(&[crash], None);
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "go.mod");
}
