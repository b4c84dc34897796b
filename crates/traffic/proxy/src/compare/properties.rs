//! What holds for any JSON and any bytes.

use super::*;
use bytes::Bytes;
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::Value;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn answer(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Answer { body: body.into(), ..Answer::default() };
    answer.headers.insert("content-type", HeaderValue::from_static(content_type));
    answer
}

fn of(value: &Value) -> Answer {
    answer("application/json", value.to_string())
}

/// `value` with the members of every object in the opposite order.
fn turned(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(turned).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name:?} : {}", turned(value));
            format!("{{{}}}", members.iter().rev().map(member).collect::<Vec<_>>().join(","))
        }
        leaf => leaf.to_string(),
    }
}

fn rules(ignore: &[&str], unordered: &[&str]) -> Rules {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let texts =
        RuleTexts { ignore: own(ignore), unordered: own(unordered), ..RuleTexts::default() };
    Rules::new(&texts).unwrap()
}

fn places(comparison: &Comparison) -> Vec<Place> {
    match comparison {
        Comparison::Different(differences) => differences.iter().map(|d| d.at.clone()).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_the_same_as_itself_in_any_order_of_members(value in json()) {
        let other = answer("application/json", turned(&value));
        for rules in [rules(&[], &[]), rules(&[], &["$..*", "$", "$..[*]"])] {
            prop_assert_eq!(compare(&rules, &of(&value), &of(&value)), Comparison::Same);
            prop_assert_eq!(compare(&rules, &of(&value), &other), Comparison::Same);
        }
    }

    #[test]
    fn it_does_not_matter_which_is_the_primary(one in json(), other in json(), bag in any::<bool>()) {
        let rules = if bag { rules(&[], &["$..*", "$"]) } else { rules(&["$..a"], &[]) };
        let there = compare(&rules, &of(&one), &of(&other));
        let mut back = compare(&rules, &of(&other), &of(&one));
        if let Comparison::Different(differences) = &mut back {
            for difference in differences {
                std::mem::swap(&mut difference.primary, &mut difference.mirror);
            }
        }
        prop_assert_eq!(there, back);
    }

    #[test]
    fn ignoring_a_place_hides_it_and_no_other(one in json(), other in json()) {
        let plain = rules(&[], &[]);
        let found = places(&compare(&plain, &of(&one), &of(&other)));
        prop_assume!(found.len() < MOST_PLACES);
        for hidden in &found {
            let path = hidden.to_string();
            let left = places(&compare(&rules(&[&path], &[]), &of(&one), &of(&other)));
            // An array or object that differs as a whole takes what lies in it along.
            let expected: Vec<Place> = found.iter().filter(|place| *place != hidden).cloned().collect();
            let kept: Vec<Place> = expected.iter().filter(|place| !place.to_string().starts_with(&path)).cloned().collect();
            prop_assert!(!left.contains(hidden));
            for place in kept {
                prop_assert!(left.contains(&place), "{} went with {}", place, path);
            }
        }
    }

    #[test]
    fn the_order_of_unordered_arrays_never_matters(mut elements in prop::collection::vec(json(), 0..6), by in 0_usize..6) {
        let one = Value::from(elements.clone());
        let n = elements.len().max(1);
        elements.rotate_left(by % n);
        let other = Value::from(elements);
        prop_assert_eq!(compare(&rules(&[], &["$"]), &of(&one), &of(&other)), Comparison::Same);
    }

    #[test]
    fn any_bytes_compare_without_a_panic(
        one in prop::collection::vec(any::<u8>(), 0..200),
        other in prop::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec!["application/json", "text/plain", "application/grpc"]),
        packed in any::<bool>(),
    ) {
        let make = |body: &[u8]| {
            let mut made = answer(kind, body.to_vec());
            if packed {
                made.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            }
            made
        };
        let rules = rules(&["$..a"], &["$.b"]);
        let (one, other) = (make(&one), make(&other));
        prop_assert_eq!(compare(&rules, &one, &one), Comparison::Same);
        if let Comparison::Different(differences) = compare(&rules, &one, &other) {
            for difference in differences {
                prop_assert!(difference.primary.chars().count() <= 121);
                prop_assert!(!difference.mirror.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error_that_points_into_it(text in any::<String>()) {
        let texts = RuleTexts { ignore: vec![text.clone()], ..RuleTexts::default() };
        if let Err(RulesError::Path { at, .. }) = Rules::new(&texts) {
            prop_assert!(at >= 1 && at <= text.chars().count() + 1);
        }
        let texts = RuleTexts { only: vec![text.clone()], ..RuleTexts::default() };
        if let Err(RulesError::Route { at, .. }) = Rules::new(&texts) {
            prop_assert!(at >= 1 && at <= text.chars().count() + 1);
        }
    }
}
