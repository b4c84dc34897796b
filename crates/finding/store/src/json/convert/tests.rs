use super::*;
use photofinish_model::{Detector, GoroutineId, GoroutineState, Kind, Op};

fn full_race() -> Race {
    let mut first = Access::new(Op::Write);
    first.address = Some(0x00c0_0001_4088);
    first.size = Some(8);
    first.goroutine = Some(GoroutineId::Number(7));
    first.stack = Stack::from(vec![
        Frame { inlined: true, ..Frame::new("main.(*Cart).Add") },
        Frame {
            file: Some("/src/main.go".into()),
            line: Some(105),
            column: Some(3),
            offset: Some(0x4c),
            module: Some("server+0xd1a2f".into()),
            ..Frame::new("main.handler")
        },
    ]);
    first.created_at = Stack::from(vec![Frame::new("net/http.(*Server).Serve")]);
    first.state = Some(GoroutineState::Running);
    let mut second = Access::new(Op::AtomicRead);
    second.goroutine = Some(GoroutineId::Main);
    second.thread = Some("T2".into());
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
    race.accesses = vec![first, second];
    race.others = vec![Goroutine {
        id: GoroutineId::Number(u64::MAX),
        status: "chan receive".into(),
        stack: Stack::from(vec![Frame::new("main.wait")]),
        created_at: Stack::default(),
    }];
    race.location = Some(Location {
        description: "heap block".into(),
        stack: Stack::from(vec![Frame::new("main.alloc")]),
    });
    race.partial = true;
    race.light = true;
    race.raw = "WARNING: DATA RACE\n\u{0}…".into();
    race
}

#[test]
fn a_race_comes_back_from_json_as_it_went_in() {
    let race = full_race();
    let text = serde_json::to_string(&RaceJson::from(&race)).unwrap();
    let back: RaceJson = serde_json::from_str(&text).unwrap();
    assert_eq!(Race::try_from(back).unwrap(), race);
}

#[test]
fn the_shape_promised_to_scripts_is_kept() {
    let value = serde_json::to_value(RaceJson::from(&full_race())).unwrap();
    assert_eq!(value["kind"], "data-race");
    assert_eq!(value["detector"], "go-race");
    let access = &value["accesses"][0];
    assert_eq!(access["op"], "write");
    assert_eq!(access["address"], "0x00c000014088");
    assert_eq!(access["size"], 8);
    assert_eq!(access["goroutine"], 7);
    assert_eq!(access["thread"], serde_json::Value::Null);
    assert_eq!(access["state"], "running");
    assert_eq!(access["stack"][1]["function"], "main.handler");
    assert_eq!(access["stack"][1]["file"], "/src/main.go");
    assert_eq!(access["stack"][1]["line"], 105);
    assert_eq!(access["stack"][0]["inlined"], true);
    assert_eq!(access["created_at"][0]["function"], "net/http.(*Server).Serve");
    assert_eq!(value["accesses"][1]["goroutine"], "main");
    assert_eq!(value["accesses"][1]["address"], serde_json::Value::Null);
    for field in ["fingerprint", "pattern", "location", "raw", "explanation", "hint", "headline"] {
        assert!(value.get(field).is_some(), "{field} is promised");
    }
}

#[test]
fn json_from_an_older_program_with_fewer_fields_is_read() {
    let text = r#"{"kind": "panic", "detector": "go-runtime", "accesses": [{"op": "read"}]}"#;
    let race = Race::try_from(serde_json::from_str::<RaceJson>(text).unwrap()).unwrap();
    assert_eq!(race.accesses, [Access::new(Op::Read)]);
}

#[test]
fn words_and_addresses_nobody_knows_are_named_in_the_error() {
    let kind = r#"{"kind": "wedding", "detector": "go-race"}"#;
    let error = Race::try_from(serde_json::from_str::<RaceJson>(kind).unwrap()).unwrap_err();
    assert!(error.to_string().contains("wedding"), "{error}");
    for bad in [r#"{"op": "read", "address": "0xzz"}"#, r#"{"op": "read", "goroutine": "mine"}"#] {
        assert!(serde_json::from_str::<AccessJson>(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_answer_that_differs_is_told_field_by_field_and_others_have_no_such_field() {
    let diff = AnswerDiff {
        route: "GET /orders/{}".into(),
        place: "$.total".into(),
        primary: Answered { status: 200, content_type: String::new(), value: "1999".into() },
        mirror: Answered { status: 200, content_type: String::new(), value: "2998".into() },
        request: None,
        compared: 5214,
        differed: 3,
    };
    let value = serde_json::to_value(RaceJson::from(&diff.to_race())).unwrap();
    assert_eq!(value["kind"], "answer-diff");
    let told = &value["answer_diff"];
    assert_eq!((&told["route"], &told["place"]), (&"GET /orders/{}".into(), &"$.total".into()));
    assert_eq!(
        (&told["primary"]["value"], &told["mirror"]["status"]),
        (&"1999".into(), &200.into())
    );
    assert_eq!((&told["compared"], &told["differed"]), (&5214.into(), &3.into()));
    assert!(told["request"].is_null());
    let back: RaceJson = serde_json::from_value(value).unwrap();
    assert_eq!(Race::try_from(back).unwrap(), diff.to_race());
    let race = serde_json::to_value(RaceJson::from(&full_race())).unwrap();
    assert!(race.get("answer_diff").is_none());
}
