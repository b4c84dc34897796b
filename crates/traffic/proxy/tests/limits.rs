//! Whoever sends too much, too slowly or not at all costs little and is let go.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{Caller, SOON, Service, get, memory, plan, settled, start};
use photofinish_testkit::wait_until;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const QUICK: Duration = Duration::from_millis(500);

fn refused(proxy: &photofinish_proxy::Proxy, word: &str) -> u64 {
    let refused = proxy.status().callers.refused;
    refused.iter().find(|(each, _)| *each == word).unwrap().1
}

#[test]
fn a_head_larger_than_the_limit_is_431() {
    let stable = Service::ok();
    let (_proxy, to) = start(plan(stable.address));
    let large = "y".repeat(65_536);
    let many = "X: y\r\n".repeat(129);
    for head in [format!("X: {large}\r\n"), many] {
        let answer = Caller::connect(to).ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{head}\r\n"));
        assert_eq!(answer.status, 431);
    }
    assert_eq!(stable.count(), 0);
    let fits = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(60_000));
    assert_eq!(Caller::connect(to).ask(fits).status, 200);
}

#[test]
fn a_body_larger_than_the_limit_is_413_whether_it_says_so_or_not() {
    let stable = Service::ok();
    let mut plan = plan(stable.address);
    plan.limits.body_bytes = Some(10_000);
    let (proxy, to) = start(plan);
    let declared = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(declared).status, 413);
    assert_eq!(stable.count(), 0);
    let mut caller = Caller::connect(to);
    caller.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    caller.send(format!("2711\r\n{}\r\n", "x".repeat(10_001)));
    assert_eq!(caller.answer().status, 413);
    let fits = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{}",
        "x".repeat(10_000)
    );
    assert_eq!(Caller::connect(to).ask(fits).status, 200);
    assert_eq!(refused(&proxy, "body_too_large"), 2);
    settled(&proxy);
    assert!(stable.asked().iter().all(|asked| asked.is_cut || asked.body.len() == 10_000));
}

#[test]
fn a_head_that_dribbles_in_is_given_up() {
    let stable = Service::ok();
    let mut plan = plan(stable.address);
    plan.timeouts.head = QUICK;
    let (proxy, to) = start(plan);
    // The first is on a new connection, the second behind an answered request.
    for before in ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut caller = Caller::connect(to);
        if !before.is_empty() {
            caller.ask(before);
        }
        let started = Instant::now();
        for byte in "GET / HTTP/1.1\r\nHost: a\r\nX: ".bytes().cycle() {
            if caller.stream.write_all(&[byte]).is_err() || started.elapsed() > SOON {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
    // A silent one, too.
    assert!(Caller::connect(to).is_closed_within(Duration::from_secs(4)));
    assert!(refused(&proxy, "too_slow") >= 2);
}

#[test]
fn the_head_behind_a_slow_answer_is_not_what_takes_long() {
    let stable = Service::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(1500));
        let _ = stream.write_all(common::OK);
        common::Next::Keep
    });
    let mut plan = plan(stable.address);
    plan.timeouts.head = QUICK;
    let (_proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    caller.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHo");
    assert_eq!(caller.answer().status, 200);
    caller.send("st: a\r\n\r\n");
    assert_eq!(caller.answer().status, 200);
}

#[test]
fn a_body_that_stops_coming_is_given_up() {
    let stable = Service::ok();
    let mut plan = plan(stable.address);
    plan.timeouts.stalled = QUICK;
    let (proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    let started = Instant::now();
    let answer = caller.try_answer(false);
    assert!(answer.is_none_or(|answer| answer.status == 408));
    assert!(started.elapsed() < Duration::from_secs(4));
    settled(&proxy);
    assert!(stable.asked().iter().all(|asked| asked.is_cut));
    // One that is slow but comes is waited for.
    let mut caller = Caller::connect(to);
    caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n");
    for byte in "12345678".bytes() {
        std::thread::sleep(Duration::from_millis(150));
        caller.send([byte]);
    }
    assert_eq!(caller.answer().status, 200);
}

#[test]
fn a_caller_who_reads_nothing_is_let_go() {
    let stable = Service::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
        let some = vec![7; 1 << 20];
        for _ in 0..100 {
            if stream.write_all(&some).is_err() {
                return common::Next::Close;
            }
        }
        common::Next::Keep
    });
    let mut plan = plan(stable.address);
    plan.timeouts.stalled = QUICK;
    let (proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the caller to be given up", || refused(&proxy, "too_slow") == 1);
    wait_until(SOON, "the connection to end", || proxy.status().callers.connections == 0);
    let status = settled(&proxy);
    assert_eq!((status.callers.left, refused(&proxy, "too_slow")), (1, 1));
}

#[test]
fn an_answer_of_which_nothing_comes_is_cut() {
    let stable = Service::raw(|mut stream, _, _| {
        common::read_request(&mut stream, &mut Vec::new());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        let _ = stream.read(&mut [0; 100]);
    });
    let mut plan = plan(stable.address);
    plan.timeouts.stalled = QUICK;
    let (proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let started = Instant::now();
    assert_eq!(caller.try_answer(false), None);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    settled(&proxy);
}

#[test]
fn idle_connections_end_and_busy_ones_do_not() {
    let stable = Service::start(|asked, stream| {
        if asked.path() == "/slow" {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
            std::thread::sleep(Duration::from_millis(2000));
            let _ = stream.write_all(b"k");
        } else {
            let _ = stream.write_all(common::OK);
        }
        common::Next::Keep
    });
    let mut plan = plan(stable.address);
    plan.timeouts.idle = QUICK;
    let (_proxy, to) = start(plan);
    let mut idle = Caller::connect(to);
    idle.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(idle.is_closed_within(Duration::from_secs(4)));
    let mut busy = Caller::connect(to);
    assert_eq!(busy.ask("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").text(), "ok");
    assert_eq!(busy.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "ok");
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let stable = Service::ok();
    let mut plan = plan(stable.address);
    plan.limits.connections = 10;
    let (proxy, to) = start(plan);
    let idle: Vec<_> = (0..10)
        .map(|_| {
            let mut caller = Caller::connect(to);
            caller.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            caller
        })
        .collect();
    let started = Instant::now();
    assert_eq!(get(to, "/").status, 200);
    assert!(started.elapsed() < Duration::from_secs(8));
    assert!(proxy.status().callers.connections <= 10);
    drop(idle);
}

#[test]
fn thousands_of_idle_connections_take_little() {
    let stable = Service::ok();
    let mut plan = plan(stable.address);
    plan.timeouts.idle = Duration::from_secs(60);
    let (proxy, to) = start(plan);
    // Both ends of each are this process's; leave some descriptors to the other tests.
    let (soft, _) = descriptors();
    let n = ((soft - 2_000) / 2).min(2_000);
    let before = memory();
    let mut callers = Vec::with_capacity(n);
    for _ in 0..n {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = [0; 512];
        assert!(stream.read(&mut answer).unwrap() > 0);
        callers.push(stream);
    }
    assert_eq!(proxy.status().callers.connections, n as u64);
    let each = memory().saturating_sub(before) / n;
    assert!(each < 40 << 10, "{each} bytes for each of {n}");
    assert_eq!(get(to, "/").status, 200);
}

/// Open files this process may have: the soft limit and the hard one.
fn descriptors() -> (usize, usize) {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap_or(0))
}

#[test]
fn an_upstream_that_sends_an_endless_head_is_502() {
    let stable = Service::raw(|mut stream, _, _| {
        let _ = common::read_request(&mut stream, &mut Vec::new());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'y'; 65536]).is_ok() {}
    });
    let (proxy, to) = start(plan(stable.address));
    assert_eq!(get(to, "/").status, 502);
    assert_eq!(settled(&proxy).stable.in_flight, 0);
}

#[test]
fn an_upstream_that_sends_hints_without_end_is_given_up() {
    let stable = Service::raw(|mut stream, _, _| {
        let _ = common::read_request(&mut stream, &mut Vec::new());
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut plan = plan(stable.address);
    plan.timeouts.answer = QUICK;
    let (_proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut last = caller.answer();
    while last.status == 103 {
        last = caller.answer();
    }
    assert_eq!(last.status, 504);
}

#[test]
fn an_upstream_that_hangs_is_504_and_one_that_refuses_503() {
    let hangs = Service::raw(|_stream, _, _| std::thread::sleep(SOON));
    let mut slow = plan(hangs.address);
    slow.timeouts.answer = QUICK;
    let (_proxy, to) = start(slow);
    assert_eq!(get(to, "/").status, 504);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_proxy, to) = start(plan(nobody));
    let answer = get(to, "/");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1".to_owned())));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let head = [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

#[test]
fn streams_that_are_opened_and_reset_take_no_memory() {
    let stable =
        Service::raw(|mut stream, _, _| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    let (proxy, to) = start(plan(stable.address));
    let before = memory();
    // GET http://a/ of the static table, `:authority: a` literally.
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    for _ in 0..20 {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(&frame(4, 0, 0, &[])).unwrap();
        for n in 0..1000 {
            let id = 2 * n + 1;
            let storm = [frame(1, 5, id, &head), frame(3, 0, id, &8_u32.to_be_bytes())].concat();
            if stream.write_all(&storm).is_err() {
                break;
            }
        }
    }
    let status = settled(&proxy);
    assert_eq!(status.stable.in_flight, 0);
    assert!(memory().saturating_sub(before) < 64 << 20);
    wait_until(SOON, "the connections to end", || proxy.status().callers.connections == 0);
}
