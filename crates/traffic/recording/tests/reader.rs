//! Recordings as they come: torn, joined, filtered, written by hand, by a newer program, or none.

#![expect(clippy::unwrap_used, reason = "a failed step of a test should fail the test")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use photofinish_recording::{Index, ReadError, Recorded, Recording, Torn};
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

const HEAD: &str = "{\"photofinish_recording\":1,\"started_at\":\"2026-01-31T22:15:00Z\"}\n";

fn open(bytes: &[u8]) -> Result<Recording<&[u8]>, ReadError> {
    Recording::read(bytes, Path::new("traffic.jsonl"))
}

/// The targets in `text`, and what was torn.
fn read(text: &str) -> Result<(Vec<String>, Vec<Torn>), ReadError> {
    let mut recording = open(text.as_bytes())?;
    let mut targets = Vec::new();
    for request in recording.by_ref() {
        targets.push(request?.target.to_string());
    }
    Ok((targets, recording.torn().to_vec()))
}

fn line(at_us: u64, rest: &str) -> String {
    format!("{{\"at_us\":{at_us},\"method\":\"GET\",\"target\":\"/{at_us}\"{rest}}}\n")
}

fn index(text: &str) -> Index {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Index::read(file.path()).unwrap()
}

#[test]
fn a_line_written_by_hand_needs_little() {
    let text = format!("{HEAD}\n  {}{}", line(5, ",\"colour\":\"red\"").trim(), "\r\n");
    let request = open(text.as_bytes()).unwrap().next().unwrap().unwrap();
    assert_eq!((request.method, request.at), (Method::GET, Duration::from_micros(5)));
    assert_eq!((request.connection, request.status, request.host), (None, None, None));
    assert_eq!((request.version, request.body.len()), (Version::HTTP_11, 0));
}

#[test]
fn a_torn_end_is_a_note_and_an_end_without_line_end_is_none() {
    let whole = format!("{HEAD}{}{}", line(1, ""), line(2, ""));
    let all = vec!["/1".to_owned(), "/2".to_owned()];
    assert_eq!(read(&whole).unwrap(), (all.clone(), vec![]));
    assert_eq!(read(whole.trim_end()).unwrap(), (all.clone(), vec![]));
    for cut in 1..line(3, "").len() - 1 {
        let torn = format!("{whole}{}", &line(3, "")[..cut]);
        assert_eq!(read(&torn).unwrap(), (all.clone(), vec![Torn { line: 4, len: cut }]));
    }
}

#[test]
fn joined_recordings_count_on_and_keep_their_connections_apart() {
    let later = HEAD.replace("22:15:00", "22:15:10");
    let on_one = ",\"connection\":1";
    let text = format!(
        "{HEAD}{}{{\"at_us\":9,\"meth{later}{}{later}{}",
        line(1, on_one),
        line(2, on_one),
        line(3, on_one)
    );
    let (targets, torn) = read(&text).unwrap();
    assert_eq!(targets, ["/1", "/2", "/3"]);
    assert_eq!(torn, [Torn { line: 3, len: 16 }]);
    let index = index(&text);
    let offsets: Vec<_> = index.entries().iter().map(|entry| entry.at.as_micros()).collect();
    assert_eq!(offsets, [0, 10_000_001, 10_000_002]);
    // The last two heads are of one recording that was rotated.
    assert_eq!(index.connections(), 2);
    assert_eq!(index.torn().len(), 1);
}

#[test]
fn what_is_no_recording_is_told_with_its_line_and_what_to_do() {
    let with = |line: &str| format!("{HEAD}\n{line}\n{HEAD}");
    for (text, expected) in [
        (String::new(), "traffic.jsonl is not a recording: it is empty"),
        (
            "GET http://a/\n".to_owned(),
            "traffic.jsonl is not a recording: its first line is no head",
        ),
        (line(1, ""), "traffic.jsonl is not a recording: its first line is no head"),
        (
            HEAD.replace(":1,", ":2,"),
            "the recording traffic.jsonl is of a newer photofinish (version 2,",
        ),
        (
            format!("{HEAD}{}", HEAD.replace(":1,", ":9,")),
            "the recording traffic.jsonl is of a newer",
        ),
        (with("nonsense"), "traffic.jsonl:3: not a request: expected"),
        (with("{\"at_us\":1}"), "traffic.jsonl:3: not a request: missing field `method`"),
        (with(&line(1, ",\"version\":\"4\"")), "traffic.jsonl:3: version \"4\" is none of"),
        (
            with(&line(1, ",\"headers\":[[\"a b\",\"c\"]]")),
            "traffic.jsonl:3: header \"a b\" is not",
        ),
        (with(&line(1, ",\"headers\":[[\"a\",\"b\\n\"]]")), "traffic.jsonl:3: header \"a\" is not"),
        (with(&line(1, ",\"body\":{\"base64\":\"?\"}")), "traffic.jsonl:3: what should be base64"),
        (with(&line(1, "").replace("GET", "G T")), "traffic.jsonl:3: method \"G T\" is none"),
        (with(&line(1, "").replace("\"/1", "\"a")), "traffic.jsonl:3: target \"a\" is no path"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error} for {text}");
        assert!(error.hint().is_some(), "{error}");
    }
    assert!(matches!(Index::read(Path::new("/no/such/file")), Err(ReadError::Io { .. })));
}

#[test]
fn a_file_that_is_changed_under_the_index_is_found_out() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{HEAD}{}{}", line(1, ""), line(2, ""))).unwrap();
    let index = Index::read(file.path()).unwrap();
    assert_eq!(index.fetch(1).unwrap().target, "/2");
    std::fs::write(file.path(), format!("{HEAD}{}", line(1, ""))).unwrap();
    assert!(matches!(index.fetch(1), Err(ReadError::Changed { .. })));
    assert!(matches!(index.fetch(2), Err(ReadError::Changed { .. })));
}

#[test]
fn requests_wait_for_those_of_their_connection_that_had_ended_and_no_others() {
    let entry = |at: u64, took: u64, connection: u64, version: &str| {
        let rest =
            format!(",\"took_us\":{took},\"connection\":{connection},\"version\":\"{version}\"");
        line(at, &rest)
    };
    let order = |lines: &[String]| -> Vec<(u32, u32)> {
        let index = index(&format!("{HEAD}{}", lines.concat()));
        index.entries().iter().map(|entry| (entry.ended_as, entry.after)).collect()
    };
    // One after another, the second seemingly before the first was done.
    let http1 = [entry(0, 11, 1, "1.1"), entry(10, 5, 1, "1.1"), entry(20, 5, 1, "1.1")];
    assert_eq!(order(&http1), [(0, 0), (1, 1), (2, 2)]);
    // Three streams at once, the first ending last; the fourth when two of them had ended.
    let http2 =
        [entry(0, 100, 1, "2"), entry(1, 10, 1, "2"), entry(2, 30, 1, "2"), entry(50, 5, 1, "2")];
    assert_eq!(order(&http2), [(3, 0), (0, 0), (1, 0), (2, 2)]);
    // Answers that took no time, at one time.
    let none = [entry(5, 0, 1, "2"), entry(5, 0, 1, "2"), entry(5, 0, 2, "2")];
    assert_eq!(order(&none), [(0, 0), (1, 1), (0, 0)]);
}

fn a_request() -> impl Strategy<Value = Recorded> {
    let bytes = || prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)];
    let value =
        bytes().prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    let headers = prop::collection::vec(("[a-z][a-z0-9-]{0,9}", value), 0..6);
    let versions = [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];
    let text = ("[A-Z]{1,9}", "/[!-~]{0,20}", any::<Option<String>>());
    let numbers = (any::<u32>(), any::<u32>(), any::<Option<u64>>(), any::<Option<u16>>());
    (numbers, text, headers, bytes(), prop::sample::select(versions.to_vec())).prop_filter_map(
        "a target",
        |((at, took, connection, status), (method, target, host), headers, body, version)| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name.parse::<HeaderName>().ok()?, value);
            }
            Some(Recorded {
                at: Duration::from_micros(at.into()),
                took: Duration::from_micros(took.into()),
                connection,
                version,
                method: method.parse().ok()?,
                target: target.parse().ok()?,
                host,
                headers: map,
                body: Bytes::from(body),
                status,
            })
        },
    )
}

proptest! {
    #[test]
    fn a_request_comes_back_from_its_line(request in a_request()) {
        let line = request.line();
        prop_assert_eq!(line_ends(&line), 1);
        prop_assert_eq!(Recorded::parse(&line), Ok(request));
    }

    #[test]
    fn a_recording_cut_anywhere_is_a_shorter_recording(
        requests in prop::collection::vec(a_request(), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = HEAD.as_bytes().to_vec();
        requests.iter().for_each(|request| text.extend(request.line()));
        let cut = HEAD.len() + cut.index(text.len() - HEAD.len() + 1);
        let read: Result<Vec<_>, _> = open(&text[..cut]).unwrap().collect();
        let read = read.unwrap();
        let whole = text[HEAD.len()..cut].iter().filter(|byte| **byte == b'\n').count();
        prop_assert!(read.len() == whole || read.len() == whole + 1);
        prop_assert_eq!(&read[..], &requests[..read.len()]);
    }

    #[test]
    fn any_bytes_end_in_requests_or_an_error(bytes in any::<Vec<u8>>()) {
        let text = [HEAD.as_bytes(), &bytes].concat();
        let n_requests = open(&text).unwrap().filter(Result::is_ok).count();
        prop_assert!(n_requests <= bytes.len());
    }
}

fn line_ends(line: &[u8]) -> usize {
    line.iter().filter(|byte| **byte == b'\n').count()
}
