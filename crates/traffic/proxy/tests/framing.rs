//! What two parsers could read differently goes no further, and answers are framed as one can read them.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{Caller, Next, Service, plan, settled, start};
use std::io::Write;
use std::time::Duration;

const POST: &str = "POST /p HTTP/1.1\r\nHost: a\r\n";

/// What callers of awkward requests get: the status (0: the connection ends without a word), and how
/// many requests the service sees.
const AWKWARD: &[(&str, &str, u16, usize)] = &[
    (
        "CL+TE",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        400,
        0,
    ),
    (
        "two CL",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        400,
        0,
    ),
    ("CL list", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400, 0),
    ("CL +3", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400, 0),
    (
        "TE xchunked",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
        0,
    ),
    (
        "TE: chunked, identity",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
        0,
    ),
    (
        "space before colon",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
        0,
    ),
    (
        "obs-fold TE",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        400,
        0,
    ),
    (
        "TE in HTTP/1.0",
        "POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        0,
    ),
    ("NUL in value", "GET /p HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, 0),
    ("bare CR in value", "GET /p HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", 400, 0),
    ("bare LF header", "GET /p HTTP/1.1\nHost: a\n\n", 400, 0),
    ("no Host", "GET /p HTTP/1.1\r\n\r\n", 400, 0),
    ("two Hosts", "GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, 0),
    ("Host against target", "GET http://b/p HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0),
    ("HTTP/2 in a request line", "GET /p HTTP/2.0\r\nHost: a\r\n\r\n", 400, 0),
    ("no HTTP", "HELO mail.test\r\n", 0, 0),
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, 0),
    ("GET with body", "GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200, 1),
];

#[test]
fn awkward_requests_are_refused_before_anything_is_sent_on() {
    for (name, bytes, status, upstream) in AWKWARD {
        let stable = Service::ok();
        let (proxy, to) = start(plan(stable.address));
        let mut caller = Caller::connect(to);
        caller.send(bytes);
        let answered = caller.try_answer(false).map_or(0, |answer| answer.status);
        assert_eq!(answered, *status, "{name}");
        if *status != 200 && *status != 405 {
            assert!(caller.is_closed_within(common::SOON), "{name}: what follows is not read");
        }
        settled(&proxy);
        assert_eq!(stable.count(), *upstream, "{name}");
    }
}

#[test]
fn a_body_whose_chunks_make_no_sense_reaches_nobody_whole() {
    for (name, chunks) in [
        ("bare LF chunk", "1\na\r\n0\r\n\r\n"),
        ("chunk ext LF", "1;x\ny\r\na\r\n0\r\n\r\n"),
        ("chunk size 0x", "0x1\r\na\r\n0\r\n\r\n"),
        ("chunk size too large", "fffffffffffffffff\r\na\r\n0\r\n\r\n"),
        ("no CRLF behind a chunk", "1\r\nab\r\n0\r\n\r\n"),
        ("trailer without a colon", "1\r\na\r\n0\r\nX\r\n\r\n"),
    ] {
        let stable = Service::ok();
        let (proxy, to) = start(plan(stable.address));
        let mut caller = Caller::connect(to);
        caller.send(format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunks}"));
        caller.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(caller.answer().status, 400, "{name}");
        assert!(caller.is_closed_within(common::SOON), "{name}");
        settled(&proxy);
        assert!(stable.asked().iter().all(|asked| asked.is_cut), "{name}: {:?}", stable.asked());
    }
}

#[test]
fn what_is_behind_a_refused_upgrade_waits_for_the_answer() {
    // A proxy may not send more on this connection before the answer.
    let stable = Service::raw(|mut stream, asked, _| {
        let mut rest = Vec::new();
        while let Some(request) = common::read_request(&mut stream, &mut rest) {
            asked.lock().unwrap().push(request);
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let early = std::io::Read::read(&mut stream, &mut [0; 100]);
            assert!(early.is_err() || matches!(early, Ok(0)));
            stream.set_read_timeout(None).unwrap();
            let _ = stream.write_all(common::OK);
        }
    });
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    caller.send(
        "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n\
         GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(caller.answer().status, 200);
    assert_eq!(caller.answer().status, 200);
    let paths: Vec<_> = stable.asked().iter().map(|asked| asked.path().to_owned()).collect();
    assert_eq!(paths, ["/slow", "/next"]);
}

#[test]
fn hop_by_hop_headers_go_no_further_either_way() {
    let stable = Service::says(
        b"HTTP/1.1 200 OK\r\nConnection: X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: no\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok",
    );
    let (_proxy, to) = start(plan(stable.address));
    let answer = Caller::connect(to).ask(
        "GET /p HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Drop\r\nX-Drop: 1\r\n\
         Keep-Alive: timeout=5\r\nTE: gzip\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\n\
         X-Kept: 1\r\n\r\n",
    );
    let asked = stable.only();
    for name in
        ["x-drop", "keep-alive", "te", "proxy-connection", "proxy-authorization", "connection"]
    {
        assert_eq!(asked.header(name), None, "{name}");
    }
    for name in ["x-own", "keep-alive", "proxy-authenticate", "connection"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(
        (asked.header("x-kept"), answer.header("x-kept")),
        (Some("1".into()), Some("1".into()))
    );
}

#[test]
fn expect_is_answered_here_and_not_forwarded() {
    let stable = Service::ok();
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    caller.send(format!("{POST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    assert_eq!(caller.answer().status, 100);
    caller.send("abc");
    assert_eq!(caller.answer().status, 200);
    let asked = stable.only();
    assert_eq!((asked.header("expect"), asked.body), (None, b"abc".to_vec()));
}

#[test]
fn request_bodies_stream() {
    let stable = Service::raw(|mut stream, _, _| {
        let mut seen = Vec::new();
        let mut some = [0; 4096];
        while !seen.ends_with(b"abc\r\n") {
            let n = std::io::Read::read(&mut stream, &mut some).unwrap();
            seen.extend_from_slice(&some[..n]);
        }
        // It answers before the body ends.
        let _ = stream.write_all(common::OK);
        let _ = std::io::Read::read(&mut stream, &mut some);
    });
    for mirrored in [false, true] {
        let mut plan = plan(stable.address);
        if mirrored {
            plan.mirrors = vec![common::mirror(Service::ok().address)];
        }
        let (_proxy, to) = start(plan);
        let mut caller = Caller::connect(to);
        caller.send(format!("{POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
        assert_eq!(caller.answer().text(), "ok");
    }
}

#[test]
fn a_get_with_a_chunked_body_keeps_it() {
    let stable = Service::ok();
    let (_proxy, to) = start(plan(stable.address));
    let ask = "GET /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(ask).status, 200);
    assert_eq!(stable.only().body, b"abc");
}

#[test]
fn absolute_form_names_the_host_and_options_may_ask_about_all() {
    let stable = Service::ok();
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    caller.ask("GET http://shop.test/a?b=c HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    caller.ask("OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    caller.ask("GET http://shop.test?x=y HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let asked = stable.asked();
    let paths: Vec<_> = asked.iter().map(common::Asked::path).collect();
    assert_eq!(paths, ["/a?b=c", "*", "/?x=y"]);
    assert!(asked.iter().all(|asked| asked.header("host").unwrap() == "shop.test"));
}

#[test]
fn http_1_0_callers_get_answers_they_know() {
    let chunked = Service::says(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\
          Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    let (_proxy, to) = start(plan(chunked.address));
    let mut caller = Caller::connect(to);
    caller.send("GET / HTTP/1.0\r\n\r\n");
    let answer = caller.answer();
    assert!(answer.head.starts_with("HTTP/1.0 200"), "{}", answer.head);
    assert_eq!((answer.header("transfer-encoding"), answer.text().as_str()), (None, "ok"));
    let asked = chunked.only();
    assert_eq!(asked.header("host").as_deref(), Some(""));
    assert_eq!(asked.header("x-forwarded-host"), None);
}

/// The answer to GET of a service that says these bytes and then closes.
fn passed(bytes: &'static [u8]) -> Vec<u8> {
    let stable = Service::start(move |_, stream| {
        let _ = stream.write_all(bytes);
        Next::Close
    });
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    caller.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    caller.rest(common::SOON)
}

#[test]
fn an_answer_that_two_parsers_could_read_differently_is_passed_as_one_thing_or_not_at_all() {
    for (name, bytes) in [
        ("TE beside CL", &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 40\r\n\r\n2\r\nok\r\n0\r\n\r\n"[..]),
        ("CL beside TE", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("two CL", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\nok"),
        ("CL list", b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"),
        ("more than it said", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n"),
        ("folded", b"HTTP/1.1 200 OK\r\nX: a\r\n X-Evil: 1\r\nContent-Length: 2\r\n\r\nok"),
        ("bare CR", b"HTTP/1.1 200 OK\r\nX: a\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok"),
        ("NUL", b"HTTP/1.1 200 OK\r\nX: a\0X-Evil: 1\r\nContent-Length: 2\r\n\r\nok"),
        ("unasked 101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nX-Evil: 1"),
    ] {
        let seen = String::from_utf8_lossy(&passed(bytes)).into_owned();
        let (head, body) = seen.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(!seen.contains("X-Evil"), "{name}: {seen}");
        let length = head.lines().filter(|line| line.starts_with("content-length:")).count();
        let chunked = head.contains("transfer-encoding");
        assert_eq!(length + usize::from(chunked), 1, "{name}: {seen}");
        if head.starts_with("http/1.1 200") {
            assert!(body == "ok" || body == "2\r\nok\r\n0\r\n\r\n", "{name}: {seen}");
            assert!(!head.contains("content-length: 40") && !head.contains("content-length: 3"), "{name}: {seen}");
        } else {
            assert!(head.starts_with("http/1.1 502"), "{name}: {seen}");
        }
    }
}

#[test]
fn an_answer_without_a_length_ends_with_the_connection_and_is_whole_or_seen_to_be_cut() {
    let whole = passed(b"HTTP/1.1 200 OK\r\n\r\nto the end");
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains("chunked") && whole.ends_with("\r\n0\r\n\r\n"), "{whole}");
    for cut in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let seen = String::from_utf8(passed(cut)).unwrap();
        assert!(!seen.ends_with("0\r\n\r\n"), "{seen}");
        assert!(!seen.to_lowercase().contains("content-length: 4"), "{seen}");
    }
}

#[test]
fn answers_without_a_body_have_none() {
    for (method, bytes, length) in [
        ("HEAD", &b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"[..], Some("1234")),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 55\r\n\r\n", None),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
    ] {
        let stable = Service::says(bytes);
        for share in [0, 1_000_000] {
            let mut plan = plan(stable.address);
            plan.canary = Some(common::trusted(stable.address, share));
            let (_proxy, to) = start(plan);
            let mut caller = Caller::connect(to);
            for _ in 0..3 {
                caller.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
                let answer = caller.try_answer(method == "HEAD").unwrap();
                let said = answer.header("content-length");
                assert_eq!(said.as_deref(), length, "{method} {}", answer.head);
            }
            caller.send("GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        }
        let mut connections: Vec<_> = stable.asked().iter().map(|a| a.connection).collect();
        connections.dedup();
        assert_eq!(connections.len(), 2, "connections are used again");
    }
}

#[test]
fn early_hints_come_before_the_answer_as_often_as_there_are_any() {
    let stable = Service::start(|asked, stream| {
        let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
        for _ in 0..asked.path().len() {
            let _ = stream.write_all(hints);
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = stream.write_all(common::OK);
        Next::Keep
    });
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    for path in ["/", "/ab", "/"] {
        caller.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        for _ in 0..path.len() {
            let hint = caller.answer();
            assert_eq!(hint.status, 103);
            assert_eq!(hint.header("link").unwrap(), "</style.css>; rel=preload");
        }
        assert_eq!(caller.answer().text(), "ok");
    }
}

#[test]
fn answers_keep_their_trailers() {
    let stable = Service::says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n\
          X-Sum: 2\r\n\r\n",
    );
    for share in [0, 1_000_000] {
        let mut plan = plan(stable.address);
        plan.canary = Some(common::trusted(stable.address, share));
        let (_proxy, to) = start(plan);
        let answer = Caller::connect(to).ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
        assert_eq!(answer.text(), "ok");
        assert_eq!(answer.trailers.to_lowercase(), "x-sum: 2\n");
    }
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let stable = Service::start(|asked, stream| {
        let path = asked.path();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len());
        Next::Keep
    });
    let (_proxy, to) = start(plan(stable.address));
    let mut caller = Caller::connect(to);
    let mut sender = caller.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for n in 0..1000 {
            write!(sender, "GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        }
    });
    for n in 0..1000 {
        assert_eq!(caller.answer().text(), format!("/{n}"));
    }
    sending.join().unwrap();
}
