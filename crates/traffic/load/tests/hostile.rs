//! Servers that break the rules: each costs errors of a known kind, within the time limit, and
//! never more than that.

#![expect(clippy::unwrap_used, reason = "a failed step of a test should fail the test")]

use photofinish_load::{End, ErrorKind, Load, LoadError, Plan, Request, Stop, Summary, run};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server that does `answer` with every connection; its URL.
fn server(answer: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || answer(&mut stream));
        }
    });
    url
}

/// Reads one request head; `false` at the end of the connection.
fn request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

fn plan(url: &str, requests: u64) -> Plan {
    let mut plan = Plan::new(vec![Request::get(url)], Load::closed(2));
    plan.end = End::Requests(requests);
    plan.timeout = Duration::from_millis(300);
    plan.max_response = 1 << 20;
    plan
}

fn drive(plan: &Plan) -> Summary {
    let begun = Instant::now();
    let summary = run(plan, &Stop::new(), |_| {}).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    assert_eq!(summary.sent, summary.planned);
    assert_eq!(summary.abandoned, 0);
    summary
}

fn kinds(summary: &Summary) -> Vec<(ErrorKind, u64)> {
    summary.error_kinds.iter().map(|error| (error.kind, error.count)).collect()
}

#[test]
fn an_answer_that_is_not_http_is_malformed() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\xff\r\n\r\n");
    });
    assert_eq!(kinds(&drive(&plan(&url, 6))), [(ErrorKind::Malformed, 6)]);
}

#[test]
fn headers_without_end_are_cut_off_by_size() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&[b"x-more: ", [b'a'; 4096].as_slice(), b"\r\n"].concat()).is_ok() {}
    });
    assert_eq!(kinds(&drive(&plan(&url, 4))), [(ErrorKind::TooLarge, 4)]);
}

#[test]
fn a_body_without_end_is_cut_off_by_size() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0; 65536]).is_ok() {}
    });
    assert_eq!(kinds(&drive(&plan(&url, 4))), [(ErrorKind::TooLarge, 4)]);
}

#[test]
fn an_answer_that_drips_is_a_timeout_that_counts_as_long_as_it_took() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        while stream.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let summary = drive(&plan(&url, 4));
    assert_eq!(kinds(&summary), [(ErrorKind::Timeout, 4)]);
    assert!(summary.latency.quantile(0.01) >= Duration::from_millis(299));
}

#[test]
fn a_body_that_stops_half_way_is_cut() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf");
    });
    assert_eq!(kinds(&drive(&plan(&url, 6))), [(ErrorKind::BodyCut, 6)]);
}

#[test]
fn a_connection_closed_instead_of_an_answer_is_an_error_every_time() {
    let url = server(|stream| {
        request(stream);
    });
    let summary = drive(&plan(&url, 6));
    assert_eq!((kinds(&summary), summary.retried), (vec![(ErrorKind::Closed, 6)], 0));
}

#[test]
fn a_server_that_only_closes_its_sending_half_is_not_waited_for() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(kinds(&drive(&plan(&url, 4))), [(ErrorKind::Closed, 4)]);
}

#[test]
fn a_server_that_takes_connections_and_says_nothing_is_a_timeout() {
    let url = server(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(kinds(&drive(&plan(&url, 4))), [(ErrorKind::Timeout, 4)]);
}

#[test]
fn a_server_that_does_not_speak_http2_is_told_in_the_errors() {
    let url = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut plan = plan(&url, 4);
    plan.protocol = photofinish_load::Protocol::Http2;
    let summary = drive(&plan);
    assert_eq!((summary.completed, summary.errors), (0, 4));
}

#[test]
fn a_connection_that_ends_after_each_answer_without_saying_so_is_replaced() {
    let url = server(|stream| {
        request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    let mut plan = plan(&url, 20);
    plan.load = Load::open(100.0);
    let summary = drive(&plan);
    assert_eq!((summary.completed, summary.errors), (20, 0), "{:?}", summary.error_kinds);
}

#[test]
fn answers_without_a_request_do_not_end_the_run() {
    let url = server(|stream| {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        while request(stream) && stream.write_all(&ok.repeat(3)).is_ok() {}
    });
    let summary = drive(&plan(&url, 50));
    assert_eq!(summary.completed + summary.errors, 50);
}

#[test]
fn an_open_loop_sends_all_that_is_planned_to_a_server_that_never_answers() {
    let url = server(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut plan = plan(&url, 100);
    plan.load = Load::open(500.0);
    let summary = drive(&plan);
    assert_eq!((summary.sent, summary.errors, summary.completed), (100, 100, 0));
    assert!(summary.in_flight_max >= 50, "{}", summary.in_flight_max);
}

#[test]
fn a_run_is_stopped_from_another_thread_even_if_nothing_answers() {
    let url = server(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut plan = plan(&url, 1_000_000);
    plan.timeout = Duration::from_secs(600);
    let stop = Stop::new();
    let remote = stop.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        remote.stop();
    });
    let begun = Instant::now();
    let summary = run(&plan, &stop, |_| {}).unwrap();
    stopper.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(summary.interrupted);
    assert_eq!((summary.sent, summary.completed, summary.abandoned), (2, 0, 2));
}

#[test]
fn a_plan_that_cannot_be_run_is_refused() {
    let request = || vec![Request::get("http://127.0.0.1:9/")];
    for (requests, load) in [
        (vec![], Load::closed(1)),
        (request(), Load::closed(0)),
        (request(), Load::open(0.0)),
        (request(), Load::open(f64::NAN)),
    ] {
        let error = run(&Plan::new(requests, load), &Stop::new(), |_| {}).unwrap_err();
        assert!(matches!(error, LoadError::Plan { .. }), "{error}");
    }
}

#[test]
fn an_answer_that_says_it_is_json_and_is_not_is_broken_where_that_is_asked_for() {
    let url = server(|stream| {
        let mut n = 0;
        while request(stream) {
            n += 1;
            let body = if n % 2 == 0 { "{\"a\": [1, 2" } else { "{\"a\": [1, 2]}" };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            if stream.write_all((head + body).as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut plan = plan(&url, 8);
    assert_eq!(kinds(&drive(&plan)), []);
    plan.json = true;
    plan.load = Load::closed(1);
    // A connection that brought a broken answer is not used again: good and broken take turns.
    assert_eq!(kinds(&drive(&plan)), [(ErrorKind::BrokenJson, 4)]);
}
