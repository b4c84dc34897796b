//! Any two bodies under any rules: no panic, an answer is the same as itself, and it does not matter
//! which is the primary.
#![no_main]

use bytes::Bytes;
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use photofinish_proxy::compare::{
    Answer, Comparison, Learner, Route, RuleTexts, Rules, Values, compare,
};

fuzz_target!(|input: (u8, &str, &[u8], &[u8])| {
    let (shape, rule, primary, mirror) = input;
    let texts = RuleTexts {
        ignore: if shape & 1 != 0 { vec![rule.to_owned()] } else { Vec::new() },
        unordered: if shape & 2 != 0 {
            vec![rule.to_owned(), "$..*".to_owned()]
        } else {
            Vec::new()
        },
        only: if shape & 4 != 0 { vec![rule.to_owned()] } else { Vec::new() },
        numbers_within: (shape & 8 != 0).then_some(0.1),
        max_body: 1 << 16,
        ..RuleTexts::default()
    };
    let Ok(rules) = Rules::new(&texts) else { return };
    let _ = rules.wants("GET", rule);
    let (primary, mirror) = (answer(shape, primary), answer(shape, mirror));
    let there = compare(&rules, &primary, &mirror);
    if let Comparison::Different(_) = compare(&rules, &primary, &primary) {
        panic!("an answer differs from itself");
    }
    let mut back = compare(&rules, &mirror, &primary);
    if let Comparison::Different(differences) = &mut back {
        for difference in differences {
            std::mem::swap(&mut difference.primary, &mut difference.mirror);
        }
    }
    assert_eq!(there, back);
    let mut learner = Learner::default();
    for _ in 0..25 {
        let route = Route::of("GET", rule);
        learner.note(&rules, &route, rule, (&primary, &mirror), &there);
    }
    let hidden = Rules::new(&RuleTexts { values: Values::Hidden, ..texts });
    if let Ok(hidden) = hidden {
        let _ = compare(&hidden, &primary, &mirror);
    }
});

fn answer(shape: u8, body: &[u8]) -> Answer {
    let mut answer = Answer { body: Bytes::copy_from_slice(body), ..Answer::default() };
    let kind = match shape >> 6 {
        0 => "application/json",
        1 => "application/grpc",
        2 => "text/plain",
        _ => "",
    };
    answer.headers.insert("content-type", HeaderValue::from_static(kind));
    if shape & 16 != 0 {
        answer.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    }
    answer
}
