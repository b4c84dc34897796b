use super::*;
use crate::{Fingerprint, Pattern};

fn diff() -> AnswerDiff {
    let side = |value: &str| Answered {
        status: 200,
        content_type: "application/json".into(),
        value: value.into(),
    };
    AnswerDiff {
        route: "GET /orders/{}".into(),
        place: "$.total".into(),
        primary: side("1999"),
        mirror: side("2998"),
        request: Some("GET /orders/17?x=1".into()),
        compared: 5214,
        differed: 3,
    }
}

#[test]
fn a_differing_answer_is_written_for_a_person() {
    assert_eq!(
        diff().write(),
        "ANSWER DIFFERS: GET /orders/{} at $.total\n\
         Primary: 200 application/json: 1999\n\
         Mirror:  200 application/json: 2998\n\
         Request: GET /orders/17?x=1\n\
         Compared 5214 answers of this route, 3 differed here"
    );
    let race = diff().to_race();
    assert_eq!(race.headline, "GET /orders/{} answers differently at $.total");
    assert!(race.accesses.is_empty());
    assert_eq!(Pattern::of(&race), Pattern::AnswerDiff);
}

#[test]
fn what_was_written_reads_back() {
    let mut odd = diff();
    odd.place = "$[\"look at this: x\"]".into();
    odd.primary = Answered { status: 302, content_type: String::new(), value: String::new() };
    odd.mirror.value = "a: b, Compared 7".into();
    odd.request = None;
    for diff in [diff(), odd] {
        assert_eq!(AnswerDiff::read(&diff.write()), Some(diff));
    }
}

#[test]
fn a_value_cannot_pretend_to_be_another_line() {
    let mut forged = diff();
    forged.primary.value = "1\nMirror:  200 -: 1\nCompared 1 answers, 1".into();
    let back = AnswerDiff::read(&forged.write()).unwrap();
    assert_eq!(back.mirror.value, "2998");
    assert_eq!(back.compared, 5214);
    assert_eq!(back.primary.value, "1\\nMirror:  200 -: 1\\nCompared 1 answers, 1");
}

#[test]
fn other_texts_are_no_differing_answers() {
    for text in [
        "",
        "WARNING: DATA RACE\n",
        "ANSWER DIFFERS: nowhere",
        "ANSWER DIFFERS: a at b\nPrimary: x",
    ] {
        assert_eq!(AnswerDiff::read(text), None, "{text}");
    }
}

#[test]
fn values_requests_and_counts_do_not_make_another_finding_but_route_and_place_do() {
    let id = |diff: &AnswerDiff| Fingerprint::of(&diff.to_race());
    let mut later = diff();
    later.mirror.value = "7".into();
    later.request = None;
    (later.compared, later.differed) = (9000, 4);
    assert_eq!(id(&diff()), id(&later));
    let v2 = |n: u8| AnswerDiff { route: format!("GET /v{n}/orders"), ..diff() };
    assert_ne!(id(&v2(1)), id(&v2(2)), "a number in a route is part of its name");
    assert_ne!(id(&diff()), id(&AnswerDiff { place: "$.tax".into(), ..diff() }));
}
