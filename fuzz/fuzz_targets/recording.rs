//! Any bytes: as a recording no panic, and what comes out reads back; as a body nothing that a
//! JSON parser finds below a redacted field stays, and redacting again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use photofinish_recording::{Recorded, Recording, Redaction, Redactor};
use serde_json::Value;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let head = b"{\"photofinish_recording\":1,\"started_at\":\"2026-01-31T22:15:00Z\"}\n";
    for text in [bytes.to_vec(), [head, bytes].concat()] {
        let Ok(recording) = Recording::read(&text[..], Path::new("fuzz")) else { continue };
        for request in recording.flatten() {
            let again = Recorded::parse(&request.line()).expect("a line of ours reads back");
            assert_eq!((again.headers, again.body), (request.headers, request.body));
        }
    }
    let fields = vec!["p".to_owned()];
    let redaction = Redaction { body_fields: fields, ..Redaction::default() };
    let redactor = Redactor::new(&redaction).expect("the names are fine");
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let line = format!(
            "{{\"at_us\":0,\"method\":\"POST\",\"target\":\"/\",\"headers\":[[\"content-type\",\"{kind}\"]]}}"
        );
        let mut request = Recorded::parse(line.as_bytes()).expect("the line is fine");
        request.body = bytes.to_vec().into();
        if redactor.apply(&mut request).is_err() {
            continue;
        }
        if let Ok(value) = serde_json::from_slice::<Value>(&request.body) {
            check(&value, false);
        }
        let mut again = request.clone();
        assert_eq!(redactor.apply(&mut again), Ok(()), "what is clean can be looked into");
        assert_eq!(again.body, request.body, "nothing is left to redact");
    }
});

fn check(value: &Value, secret: bool) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            check(value, secret || key.eq_ignore_ascii_case("p"));
        }),
        Value::Array(all) => all.iter().for_each(|value| check(value, secret)),
        Value::String(text) if secret => assert_eq!(text, "REDACTED"),
        Value::Number(number) if secret => assert_eq!(number.as_u64(), Some(0)),
        _ => {}
    }
}
