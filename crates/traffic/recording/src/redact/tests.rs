//! What gets out of a request, and what does not, under names as an adversary writes them.

use super::*;
use http::{Method, Version};
use std::time::Duration;

fn request(target: &str, headers: &[(&str, &str)], body: &str) -> Recorded {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    Recorded {
        at: Duration::ZERO,
        took: Duration::ZERO,
        connection: Some(1),
        version: Version::HTTP_11,
        method: Method::POST,
        target: target.parse().unwrap(),
        host: None,
        headers: map,
        body: Bytes::copy_from_slice(body.as_bytes()),
        status: Some(200),
    }
}

fn redaction(body_fields: &[&str], stand_in: bool) -> Redaction {
    let body_fields = body_fields.iter().map(|name| (*name).to_owned()).collect();
    Redaction { body_fields, stand_in, ..Redaction::default() }
}

fn redacted(redaction: &Redaction, mut request: Recorded) -> Option<Recorded> {
    Redactor::new(redaction).unwrap().apply(&mut request).ok()?;
    Some(request)
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A body of `kind` after redaction of `fields`; `None` if it was refused.
fn body(fields: &[&str], kind: (&str, &str), body: &str) -> Option<String> {
    let clean = redacted(&redaction(fields, false), request("/", &[kind], body))?;
    Some(String::from_utf8(clean.body.to_vec()).unwrap())
}

#[test]
fn headers_with_credentials_are_redacted_in_all_their_values() {
    let headers = [
        ("Authorization", "Bearer abc"),
        ("COOKIE", "session=1"),
        ("cookie", "other=2"),
        ("X-Api-Key", "k"),
        ("accept", "text/html"),
    ];
    let clean = redacted(&Redaction::default(), request("/", &headers, "")).unwrap();
    let all = |name: &str| {
        clean.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all("authorization"), ["REDACTED"]);
    assert_eq!(all("cookie"), ["REDACTED", "REDACTED"]);
    assert_eq!(all("x-api-key"), ["REDACTED"]);
    assert_eq!(all("accept"), ["text/html"]);
}

#[test]
fn query_parameters_are_found_by_their_decoded_name() {
    for (target, expected) in [
        ("/p?token=abc&a=1", "/p?token=REDACTED&a=1"),
        ("/p?TOKEN=abc", "/p?TOKEN=REDACTED"),
        ("/p?%74oke%6E=abc", "/p?%74oke%6E=REDACTED"),
        ("/p?a=1;token=abc;b=2", "/p?a=1;token=REDACTED;b=2"),
        ("/p?user[token]=abc&token[]=x", "/p?user[token]=REDACTED&token[]=REDACTED"),
        ("/p?token=a=b&&token", "/p?token=REDACTED&&token"),
        ("/p?+token=abc", "/p?+token=REDACTED"),
        ("/p?a=token&mytoken=1&token2=%", "/p?a=token&mytoken=1&token2=%"),
        ("/token=abc", "/token=abc"),
    ] {
        let clean = redacted(&Redaction::default(), request(target, &[], "")).unwrap();
        assert_eq!(clean.target.as_str(), expected);
    }
    let urls = [("x-original-url", "/b?token=abc"), ("link", "<https://a?token=abc>; rel=next")];
    let clean = redacted(&Redaction::default(), request("/", &urls, "")).unwrap();
    assert_eq!(clean.headers["x-original-url"], "/b?token=REDACTED");
    assert_eq!(clean.headers["link"], "<https://a?token=REDACTED; rel=next");
    let referer = [("referer", "https://a/b?x=1&access_token=abc")];
    let clean = redacted(&Redaction::default(), request("/", &referer, "")).unwrap();
    assert_eq!(clean.headers["referer"], "https://a/b?x=1&access_token=REDACTED");
}

#[test]
fn fields_of_json_are_found_at_any_depth_and_the_rest_stays_byte_for_byte() {
    let fields = ["password", "card.number"];
    for (text, expected) in [
        (r#"{"password":"x"}"#, r#"{"password":"REDACTED"}"#),
        (
            "{ \"a\" : 1.50, \"password\" :\t\"x\" }\n",
            "{ \"a\" : 1.50, \"password\" :\t\"REDACTED\" }\n",
        ),
        (r#"[{"u":[{"PassWord":"x"}]}]"#, r#"[{"u":[{"PassWord":"REDACTED"}]}]"#),
        (r#"{"password":"a","password":"b"}"#, r#"{"password":"REDACTED","password":"REDACTED"}"#),
        (r#"{"pass\u0077ord":"x"}"#, r#"{"pass\u0077ord":"REDACTED"}"#),
        (r#"{"paſſword":"x"}"#, r#"{"paſſword":"REDACTED"}"#),
        (r#"{"card":{"number":4111,"exp":12}}"#, r#"{"card":{"number":0,"exp":12}}"#),
        (r#"{"a":{"card":[{"number":"4"}]}}"#, r#"{"a":{"card":[{"number":"REDACTED"}]}}"#),
        (r#"{"card.number":"4"}"#, r#"{"card.number":"REDACTED"}"#),
        (r#"{"number":1,"discard":{"number":2}}"#, r#"{"number":1,"discard":{"number":2}}"#),
        (
            r#"{"password":{"old":"a","all":["b",2,true,null,{"c":-1e5}]},"z":1}"#,
            r#"{"password":{"old":"REDACTED","all":["REDACTED",0,false,null,{"c":0}]},"z":1}"#,
        ),
        (r#"{"a":"\"password\":\"x","b":"\\"}"#, r#"{"a":"\"password\":\"x","b":"\\"}"#),
        (
            "{\"password\":\"x\"}\n{\"password\":1}\n",
            "{\"password\":\"REDACTED\"}\n{\"password\":0}\n",
        ),
        (
            r#"{"x":{"password":"a"},"y":{"k":"b"}}"#,
            r#"{"x":{"password":"REDACTED"},"y":{"k":"b"}}"#,
        ),
        ("", ""),
        ("17", "17"),
    ] {
        assert_eq!(body(&fields, JSON, text).as_deref(), Some(expected));
        // curl -d says it is a form, many say nothing.
        assert_eq!(body(&fields, ("x", "y"), text).as_deref(), Some(expected));
    }
    assert_eq!(
        body(&fields, FORM, r#"{"password":"x"}"#).as_deref(),
        Some(r#"{"password":"REDACTED"}"#)
    );
}

#[test]
fn fields_of_forms_are_found_by_their_decoded_name() {
    let fields = ["password", "card.number"];
    for (text, expected) in [
        ("user=a&password=x", "user=a&password=REDACTED"),
        ("Pass%77ord=x%26y&z=1", "Pass%77ord=REDACTED&z=1"),
        (
            "card[number]=4&card.number=5&number=6",
            "card[number]=REDACTED&card.number=REDACTED&number=6",
        ),
        ("password[old]=x", "password[old]=REDACTED"),
        (
            "payload=%7B%22password%22:+%22x%22%7D&z=1",
            "payload=%7B%22password%22%3A%20%22REDACTED%22%7D&z=1",
        ),
        ("payload=%7B%22password%22&z=[1", "payload=%7B%22password%22&z=[1"),
        (r#"{"a":1}&password=x"#, r#"{"a":1}&password=REDACTED"#),
    ] {
        assert_eq!(body(&fields, FORM, text).as_deref(), Some(expected));
    }
}

#[test]
fn a_body_that_cannot_be_looked_into_is_refused_only_if_fields_are_named() {
    let text = "password: hunter2";
    for (kind, text) in [
        (JSON, r#"{"password":"x""#),
        (JSON, r#"{"password":"x",}"#),
        (JSON, "{'password':'x'}"),
        (JSON, r#"{"\ud800":1,"password":"x"}"#),
        (JSON, "\u{feff}{\"password\":\"x\"}"),
        (("content-type", "text/plain"), text),
        (("content-type", "multipart/form-data; boundary=x"), "--x\r\npassword\r\n--x--"),
        (("content-encoding", "gzip"), r#"{"password":"x"}"#),
        (FORM, r#"{"a":"&password=x"}"#),
    ] {
        assert_eq!(body(&["password"], kind, text), None, "{text} was let through");
        assert_eq!(body(&[], kind, text).as_deref(), Some(text));
    }
    assert_eq!(body(&["password"], ("content-type", "text/plain"), "").as_deref(), Some(""));
}

#[test]
fn a_deeply_nested_body_costs_no_stack() {
    let text = format!("{}{{\"password\":1}}{}", "[".repeat(100_000), "]".repeat(100_000));
    let clean = body(&["password"], JSON, &text).unwrap();
    assert_eq!(clean, text.replace("\":1", "\":0"));
}

#[test]
fn stand_ins_are_equal_for_equal_values_of_one_recording_only() {
    let redactor = Redactor::new(&redaction(&["id"], true)).unwrap();
    let apply = |session: &str, id: &str| {
        let body = format!("{{\"id\":{id},\"n\":\"{session}\"}}");
        let cookie = format!("theme=dark; session={session}");
        let mut request = request("/?token=a", &[("cookie", &cookie), JSON], &body);
        redactor.apply(&mut request).unwrap();
        (request.headers["cookie"].clone(), request.body)
    };
    let (one, same, other) = (apply("abc", "5"), apply("abc", "5"), apply("abd", "6"));
    assert_eq!(one, same);
    assert_ne!(one.0, other.0);
    let cookie = one.0.to_str().unwrap();
    assert!(cookie.starts_with("theme=REDACTED-") && cookie.contains("; session=REDACTED-"));
    assert!(!cookie.contains("abc") && !cookie.contains("dark"));
    let id = serde_json::from_slice::<serde_json::Value>(&one.1).unwrap()["id"].as_u64();
    assert!(id.is_some_and(|id| id < 1_000_000_000));
    let elsewhere = redacted(&redaction(&[], true), request("/?token=a", &[], "")).unwrap();
    let again = redacted(&redaction(&[], true), request("/?token=a", &[], "")).unwrap();
    assert_ne!(elsewhere.target, again.target);
    assert!(!format!("{redactor:?}").contains("Keyed("), "the key shows: {redactor:?}");
}

#[test]
fn a_name_that_can_match_nothing_is_refused() {
    for (headers, query, what) in [
        (vec!["a b".to_owned()], vec![], "redacted header"),
        (vec![], vec![" ".to_owned()], "redacted query parameter"),
    ] {
        let redaction = Redaction { headers, query, ..Redaction::default() };
        assert!(Redactor::new(&redaction).unwrap_err().to_string().contains(what));
    }
}

mod any_json {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    /// Values of which those below a key that folds to `password` say `hunter2`, others do not.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            let key = prop_oneof!["[a-z.]{0,4}", any::<String>(), Just("passWord".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn with_secrets(value: Value, secret: bool) -> Value {
        match value {
            Value::String(_) if secret => "hunter2".into(),
            Value::Array(all) => all.into_iter().map(|value| with_secrets(value, secret)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let secret =
                        secret || key.to_lowercase().split('.').next_back() == Some("password");
                    (key, with_secrets(value, secret))
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other,
        }
    }

    proptest! {
        #[test]
        fn nothing_below_a_named_field_stays_and_the_rest_does(value in value(), pretty: bool) {
            let value = with_secrets(value, false);
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let clean = body(&["password"], JSON, &text.unwrap()).unwrap();
            prop_assert!(!clean.contains("hunter2"), "{clean}");
            let expected: Value = serde_json::from_str(&clean).unwrap();
            prop_assert_eq!(erased(value, false), erased(expected, false));
        }
    }

    /// The value with secrets (of whatever text and number) made the same.
    fn erased(value: Value, secret: bool) -> Value {
        match value {
            Value::String(_) if secret => "".into(),
            Value::Number(_) if secret => 0.into(),
            Value::Bool(_) if secret => false.into(),
            Value::Array(all) => all.into_iter().map(|value| erased(value, secret)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let secret =
                        secret || key.to_lowercase().split('.').next_back() == Some("password");
                    (key, erased(value, secret))
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}
