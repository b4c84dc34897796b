//! Whatever the screen hands on, hyper frames as the screen does: as many requests, the same fields,
//! the same bodies and trailers, and the same ones behind which the bytes may be no request.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use photofinish_proxy::screen::{Limits, POISON, Part, Screen, asks_to_upgrade};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A request as one of the two saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    version: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
    asks_to_upgrade: bool,
}

/// The requests of a connection by the screen's account, and the bytes that it handed on.
struct Screened {
    requests: Vec<Seen>,
    passed: Vec<u8>,
    refused: Option<Part>,
}

/// Screens byte by byte, when the most is handed on, and refuses every upgrade.
fn screen(bytes: &[u8]) -> Screened {
    let mut screen = Screen::new(Limits::default());
    let mut screened = Screened { requests: Vec::new(), passed: Vec::new(), refused: None };
    let mut start = 0;
    for byte in bytes.chunks(1) {
        if let Err(refused) = screen.feed(byte) {
            screened.refused = Some(refused.part);
            break;
        }
        screened.passed.extend(byte);
        let waits = screen.is_waiting();
        screen.not_upgraded();
        if screen.is_between_requests() {
            screened.requests.push(take_apart(&screened.passed[start..], waits));
            start = screened.passed.len();
        }
    }
    screened
}

/// A request of whose bytes the screen vouches, so that the simplest reading is the right one.
fn take_apart(bytes: &[u8], asks_to_upgrade: bool) -> Seen {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let (request_line, rest) = split(bytes, b"\r\n");
    let (fields, mut rest) = fields(rest);
    let (mut body, mut trailers) = (rest.to_vec(), Vec::new());
    if fields.iter().any(|(name, _)| name == "transfer-encoding") {
        body.clear();
        loop {
            let (size, data) = split(rest, b"\r\n");
            let digits = size.iter().take_while(|byte| byte.is_ascii_hexdigit()).copied().collect();
            let size = usize::from_str_radix(&String::from_utf8(digits).unwrap(), 16).unwrap();
            if size == 0 {
                trailers = self::fields(data).0;
                break;
            }
            body.extend(&data[..size]);
            rest = &data[size + 2..];
        }
    }
    let words: Vec<&[u8]> = request_line.split(|byte| *byte == b' ').collect();
    let [method, version] = [0, 2].map(|idx| String::from_utf8(words[idx].to_vec()).unwrap());
    Seen { method, version, fields, body, trailers, asks_to_upgrade }
}

fn fields(mut rest: &[u8]) -> (Vec<(String, Vec<u8>)>, &[u8]) {
    let mut fields = Vec::new();
    loop {
        let (line, after) = split(rest, b"\r\n");
        rest = after;
        if line.is_empty() {
            fields.sort();
            return (fields, rest);
        }
        let (name, value) = split(line, b":");
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let from = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
        let to = value.iter().rposition(|byte| !is_blank(byte)).map_or(from, |last| last + 1);
        let name = String::from_utf8(name.to_ascii_lowercase()).unwrap();
        fields.push((name, value[from..to].to_vec()));
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let n = bytes.windows(at.len()).position(|window| window == at).expect("the screen saw it");
    (&bytes[..n], &bytes[n + at.len()..])
}

/// What hyper made of the bytes of a connection.
struct Served {
    /// `None` is a request whose body failed.
    requests: Vec<Option<Seen>>,
    answers: String,
    failed: bool,
}

fn hyper(bytes: &[u8], cuts: &[usize]) -> Served {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (failed, answers) = runtime.block_on(async {
        let (caller, server) = tokio::io::duplex(1 << 20);
        let service = service_fn(|request| answer(request, Arc::clone(&seen)));
        let connection =
            http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), service);
        let both = async { tokio::join!(connection, talk(caller, bytes, cuts)) };
        let (outcome, answers) = tokio::time::timeout(Duration::from_secs(20), both)
            .await
            .expect("hyper comes to an end");
        (outcome.is_err(), answers)
    });
    let requests = std::mem::take(&mut *seen.lock().unwrap());
    Served { requests, answers, failed }
}

/// Sends the bytes cut like this, and gives what was answered.
async fn talk(mut caller: DuplexStream, bytes: &[u8], cuts: &[usize]) -> String {
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(*cut));
        if piece.is_empty() || caller.write_all(piece).await.is_err() {
            break;
        }
        rest = after;
        tokio::task::yield_now().await;
    }
    // Fails if hyper was quicker to close.
    let _ = caller.shutdown().await;
    let mut answers = String::new();
    caller.read_to_string(&mut answers).await.unwrap();
    answers
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Option<Seen>>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok();
    seen.lock().unwrap().push(body.map(|body| Seen {
        method: head.method.to_string(),
        version: format!("{:?}", head.version),
        fields: list(&head.headers),
        trailers: body.trailers().map(list).unwrap_or_default(),
        body: body.to_bytes().to_vec(),
        asks_to_upgrade: asks_to_upgrade(&head),
    }));
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

fn list(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.as_bytes().to_vec())
    };
    let mut fields: Vec<_> = headers.iter().map(pair).collect();
    fields.sort();
    fields
}

/// Whether hyper has to go on with the connection behind the request, by the plainest of reasons:
/// nothing in its fields or its version says otherwise.
fn surely_stays_open(request: &Seen) -> bool {
    request.version == "HTTP/1.1" && !request.fields.iter().any(|(name, _)| name == "connection")
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let target =
        prop::sample::select(vec!["/", "/p?q=1&r", "//x/y", "http://a:80/p", "http://A", "*"]);
    let line = (prop::sample::select(vec!["", "\r\n"]), target).prop_map(|(blank, target)| {
        let method = if target == "*" { "OPTIONS" } else { "PUT" };
        format!("{blank}{method} {target} HTTP/1.1\r\nHost: a\r\n")
    });
    let connect = Just("CONNECT a:80 HTTP/1.1\r\nhost:A:80\r\n\r\n".as_bytes().to_vec());
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: x, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let h2c = "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
               Content-Length: 2\r\n\r\n\r\n";
    let lone = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    prop_oneof![
        8 => (line, lines(3), body())
            .prop_map(|(line, lines, body)| [line.into_bytes(), lines, body].concat()),
        1 => connect,
        1 => prop::sample::select(vec![upgrade, h2c, lone]).prop_map(|head| head.as_bytes().to_vec()),
    ]
}

fn lines(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"X: y\r\n",
        b"X:\r\n",
        b"x_y:\t \"\x80\xff\" \t\r\n",
        b"!#$%&'*+-.^_`|~09azAZ: ,;: \r\n",
        b"Accept: */*\r\n",
        b"Expect: 100-continue\r\n",
        b"TE: trailers\r\n",
        b"X-Long: 0123456789012345678901234567890123456789\r\n",
    ];
    prop::collection::vec(prop::sample::select(words), 0..=most).prop_map(|words| words.concat())
}

/// The framing lines, the blank line, and a body made of what could be mistaken for framing.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = || {
        let words: &[&[u8]] =
            &[b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\n", b"abc", b"\0"];
        prop::collection::vec(prop::sample::select(words), 0..5).prop_map(|words| words.concat())
    };
    let extension = prop::sample::select(vec!["", ";x", ";x=y", "; x = \"\\\"\" ; y"]);
    let chunk = (text(), extension).prop_map(|(data, extension)| {
        let line = format!("{:x}{extension}\r\n", data.len());
        if data.is_empty() { data } else { [line.as_bytes(), &data, b"\r\n"].concat() }
    });
    let chunks = (prop::collection::vec(chunk, 0..4), lines(2)).prop_map(|(chunks, trailers)| {
        let head = b"Transfer-Encoding: Chunked\r\n\r\n".to_vec();
        [head, chunks.concat(), b"00;z\r\n".to_vec(), trailers, b"\r\n".to_vec()].concat()
    });
    let length = text().prop_map(|text| {
        [format!("Content-Length: {}\r\n\r\n", text.len()).as_bytes(), &text].concat()
    });
    prop_oneof![Just(b"\r\n".to_vec()), length, chunks]
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(request(), 1..4).prop_map(|requests| requests.concat())
}

/// Takes away, puts in or doubles something, at places that are more often than not within framing.
fn mutate(mut bytes: Vec<u8>, mutations: &[(prop::sample::Index, u8, &[u8])]) -> Vec<u8> {
    for (place, kind, word) in mutations {
        if bytes.is_empty() {
            break;
        }
        let places: Vec<usize> = (0..bytes.len())
            .filter(|&at| matches!(bytes[at], b'\r' | b'\n' | b':' | b' '))
            .collect();
        let at = match kind {
            0..=3 if !places.is_empty() => *place.get(&places),
            _ => place.index(bytes.len()),
        };
        match kind % 4 {
            0 => drop(bytes.remove(at)),
            1 => drop(bytes.splice(at..at, word.iter().copied())),
            2 => drop(bytes.splice(at..=at, word.iter().copied())),
            // Behind the end of a line, where a line of its own makes sense.
            _ => {
                let line =
                    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(0, |n| at + n + 1);
                drop(bytes.splice(line..line, word.iter().copied()));
            }
        }
    }
    bytes
}

fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, &'static [u8])>> {
    let words: &[&[u8]] = &[
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b"\0",
        b"\x80",
        b"0",
        b"f",
        b"+",
        b",",
        b"x",
        b"Content-Length: 3\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Host: b\r\n",
        b"Connection: close\r\n",
        b"Connection: upgrade, keep-alive\r\n",
        b"Upgrade: y\r\n",
        b" fold\r\n",
        b"0\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ];
    let mutation = (any::<prop::sample::Index>(), 0..8_u8, prop::sample::select(words));
    prop::collection::vec(mutation, 1..4)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![usize::MAX]), Just(vec![1]), prop::collection::vec(1_usize..40, 1..6),]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn of_good_requests_both_see_the_same(bytes in requests(), cuts in cuts()) {
        let screened = screen(&bytes);
        prop_assert!(screened.refused.is_none() && screened.passed == bytes);
        let served = hyper(&bytes, &cuts);
        prop_assert!(!served.failed);
        let screened: Vec<Option<Seen>> = screened.requests.into_iter().map(Some).collect();
        prop_assert_eq!(served.requests, screened);
    }
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn of_anything_that_passes_hyper_sees_no_more_and_nothing_else(
        bytes in requests(),
        mutations in mutations(),
        cuts in cuts(),
    ) {
        let bytes = mutate(bytes, &mutations);
        let screened = screen(&bytes);
        let Served { requests, failed, .. } = hyper(&screened.passed, &cuts);
        let whole = compare(&screened, &requests)?;
        // What hyper does not see it refused, or it closed behind the last that it saw.
        if whole.len() < screened.requests.len() && !failed {
            prop_assert!(!whole.iter().all(surely_stays_open));
        }
    }

    #[test]
    fn behind_a_refusal_the_poison_makes_hyper_give_up(
        bytes in requests(),
        mutations in mutations(),
        cuts in cuts(),
    ) {
        let screened = screen(&mutate(bytes, &mutations));
        let Some(part) = screened.refused else {
            return Ok(());
        };
        let served = hyper(&[&screened.passed, POISON].concat(), &cuts);
        let whole = compare(&screened, &served.requests)?;
        if whole.iter().all(surely_stays_open) {
            match part {
                Part::Head => {
                    prop_assert!(served.failed && whole.len() == served.requests.len());
                    prop_assert_eq!(served.answers.matches("HTTP/1.1 400 ").count(), 1);
                }
                Part::Body => prop_assert!(served.failed || served.requests.contains(&None)),
            }
        }
    }
}

/// Checks that hyper saw the requests that the screen saw, or the first of them.
fn compare(screened: &Screened, served: &[Option<Seen>]) -> Result<Vec<Seen>, TestCaseError> {
    let whole: Vec<Seen> = served.iter().map_while(Clone::clone).collect();
    prop_assert!(served.len() <= whole.len() + 1, "nothing behind a body that failed");
    prop_assert!(whole.len() <= screened.requests.len());
    prop_assert_eq!(&whole[..], &screened.requests[..whole.len()]);
    Ok(whole)
}
