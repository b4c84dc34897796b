//! A mirror gets copies, whole or none, and whatever it does the caller knows nothing of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{
    Answer, Caller, Next, OK, SOON, Service, accounted, get, mirror, plan, reset, settled, start,
};
use photofinish_proxy::plan::{Bodies, CopyHost, Mirror, Plan, Rule, Share};
use photofinish_proxy::{Cause, Failure, Proxy};
use photofinish_testkit::wait_until;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

fn with_mirror(stable: &Service, mirror: Mirror) -> Plan {
    let mut plan = plan(stable.address);
    plan.mirrors = vec![mirror];
    plan
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn dropped(proxy: &Proxy, cause: Cause) -> u64 {
    let at = Cause::ALL.iter().position(|each| *each == cause).unwrap();
    proxy.status().mirrors[0].dropped[at]
}

#[test]
fn a_copy_is_the_request_and_a_mark() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let (_proxy, to) = start(with_mirror(&stable, mirror(shadow.address)));
    let ask = "POST /orders?id=7&x=%2f HTTP/1.1\r\nHost: shop.test\r\nX-Photofinish-Mirror: mine\r\n\
               Connection: close, X-Drop\r\nX-Drop: 1\r\nCookie: a=b\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(Caller::connect(to).ask(ask).status, 200);
    let (primary, copy) = (stable.only(), shadow.only());
    assert_eq!(primary.header("x-photofinish-mirror"), None, "a caller cannot mark a request");
    assert_eq!(copy.header("x-photofinish-mirror").unwrap(), "1");
    assert_eq!(copy.path(), "/orders?id=7&x=%2f");
    assert_eq!(copy.header("host").unwrap(), "shop.test");
    assert_eq!(copy.body, b"abc");
    for name in ["cookie", "x-forwarded-for", "x-forwarded-host", "content-length", "x-drop"] {
        assert_eq!(copy.header(name), primary.header(name), "{name}");
    }
}

#[test]
fn headers_of_copies_are_removed_set_and_replaced_and_the_host_rewritten() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    mirror.host = CopyHost::Rewritten("shadow.test".parse().unwrap());
    mirror.headers.remove = vec!["cookie".parse().unwrap()];
    mirror.headers.set = vec![("x-env".parse().unwrap(), "race".parse().unwrap())];
    let replace = |name: &str, value: &str| (name.parse().unwrap(), value.parse().unwrap());
    mirror.headers.replace =
        vec![replace("authorization", "Bearer test"), replace("x-token", "never sent")];
    let (_proxy, to) = start(with_mirror(&stable, mirror));
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nAuthorization: Bearer real\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(ask).status, 200);
    let (primary, copy) = (stable.only(), shadow.only());
    assert_eq!(primary.header("authorization").unwrap(), "Bearer real");
    assert_eq!(primary.header("cookie").unwrap(), "secret");
    assert_eq!(copy.header("host").unwrap(), "shadow.test");
    assert_eq!(copy.header("cookie"), None);
    assert_eq!(copy.header("authorization").unwrap(), "Bearer test");
    assert_eq!(copy.header("x-env").unwrap(), "race");
    assert_eq!(copy.header("x-token"), None);
}

#[test]
fn only_safe_methods_are_copied_unless_a_rule_says_so() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    let rule = |methods: &[&str], path: &str, copy| Rule {
        methods: methods.iter().map(|method| method.parse().unwrap()).collect(),
        path: path.to_owned(),
        copy,
    };
    mirror.rules = vec![rule(&["POST"], "/search", true), rule(&[], "/admin/*", false)];
    let (proxy, to) = start(with_mirror(&stable, mirror));
    for (method, path) in [
        ("GET", "/a"),
        ("POST", "/b"),
        ("PUT", "/c"),
        ("DELETE", "/d"),
        ("PATCH", "/e"),
        ("POST", "/search"),
        ("GET", "/admin/x"),
        ("OPTIONS", "/f"),
    ] {
        let ask = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(Caller::connect(to).ask(ask).status, 200);
    }
    let mut caller = Caller::connect(to);
    caller.send("HEAD /g HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(caller.try_answer(true).unwrap().status, 200);
    let status = settled(&proxy);
    let mut copied: Vec<_> = shadow.asked().iter().map(|asked| asked.path().to_owned()).collect();
    copied.sort();
    assert_eq!(copied, ["/a", "/f", "/g", "/search"]);
    assert_eq!(dropped(&proxy, Cause::Method), 5);
    assert_eq!(accounted(&status.mirrors[0]), 9);
}

#[test]
fn a_sample_is_exact_and_the_rest_is_counted() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    mirror.share = Share::ppm(100_000);
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let mut caller = Caller::connect(to);
    for _ in 0..500 {
        caller.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mirror = settled(&proxy).mirrors.remove(0);
    assert!((49..=51).contains(&mirror.variant.requests), "{mirror:?}");
    assert_eq!(accounted(&mirror), 500);
    assert_eq!(dropped(&proxy, Cause::Sample), 500 - mirror.variant.requests);
}

#[test]
fn every_mirror_gets_its_own_copy() {
    let (stable, one, two) = (Service::ok(), Service::ok(), Service::ok());
    let mut plan = with_mirror(&stable, mirror(one.address));
    let mut second = mirror(two.address);
    second.name = "second".to_owned();
    second.bodies = Bodies::Streamed;
    plan.mirrors.push(second);
    let (proxy, to) = start(plan);
    assert_eq!(Caller::connect(to).ask(post("/", b"the same")).status, 200);
    let status = settled(&proxy);
    assert_eq!((one.only().body, two.only().body), (b"the same".to_vec(), b"the same".to_vec()));
    assert!(status.mirrors.iter().all(|mirror| accounted(mirror) == 1));
}

#[test]
fn copies_have_trailers_and_chunks_where_the_request_has() {
    for bodies in [Bodies::Whole, Bodies::Streamed] {
        let (stable, shadow) = (Service::ok(), Service::ok());
        let mut mirror = mirror(shadow.address);
        mirror.bodies = bodies;
        let (proxy, to) = start(with_mirror(&stable, mirror));
        let ask = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                   3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n";
        assert_eq!(Caller::connect(to).ask(ask).status, 200);
        settled(&proxy);
        for asked in [stable.only(), shadow.only()] {
            assert_eq!(asked.body, b"abc", "{bodies:?}");
            assert_eq!(asked.trailers.to_lowercase(), "x-sum: 3\n", "{bodies:?}");
        }
    }
}

#[test]
fn a_tunnel_is_never_copied() {
    let stable = Service::says(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let shadow = Service::ok();
    let (proxy, to) = start(with_mirror(&stable, mirror(shadow.address)));
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(ask).status, 101);
    assert_eq!(dropped(&proxy, Cause::Upgrade), 1);
    assert_eq!(shadow.count(), 0);
}

/// Asks 200 times on one connection, with bodies and without, while the mirror does what it does.
#[track_caller]
fn caller_knows_nothing(shadow: SocketAddr, change: impl FnOnce(&mut Mirror)) -> Proxy {
    let stable = Service::ok();
    let mut mirror = mirror(shadow);
    mirror.deadline = Duration::from_millis(700);
    change(&mut mirror);
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let mut caller = Caller::connect(to);
    let mut slowest = Duration::ZERO;
    for n in 0..200 {
        let started = Instant::now();
        let answer = if n % 2 == 0 {
            caller.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        } else {
            caller.ask(post("/", &[7; 5000]))
        };
        slowest = slowest.max(started.elapsed());
        assert_eq!(answer.text(), "ok");
    }
    assert!(slowest < Duration::from_millis(600), "{slowest:?}");
    let mirror = settled(&proxy).mirrors.remove(0);
    assert_eq!(accounted(&mirror), 200, "{mirror:?}");
    assert_eq!(mirror.under_way, (0, 0));
    proxy
}

#[test]
fn a_mirror_that_hangs_costs_the_caller_nothing() {
    let shadow = Service::raw(|mut stream, _, _| {
        let mut some = [0; 65536];
        while stream.read(&mut some).is_ok_and(|n| n > 0) {}
    });
    let proxy = caller_knows_nothing(shadow.address, |mirror| mirror.in_flight = 20);
    assert!(dropped(&proxy, Cause::InFlight) >= 100);
    let failures = proxy.status().mirrors[0].variant.failures;
    assert!(failures[Failure::Timeout as usize] >= 20, "{failures:?}");
}

#[test]
fn a_mirror_that_does_not_even_read_costs_the_caller_nothing() {
    let shadow = Service::raw(|_stream, _, _| std::thread::sleep(SOON));
    caller_knows_nothing(shadow.address, |_| {});
}

#[test]
fn a_mirror_that_refuses_costs_the_caller_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = caller_knows_nothing(nobody, |_| {});
    assert_eq!(dropped(&proxy, Cause::Refused), 200);
}

#[test]
fn a_mirror_that_resets_costs_the_caller_nothing() {
    let shadow = Service::start(|_, _| Next::Reset);
    let proxy = caller_knows_nothing(shadow.address, |_| {});
    // After the first it is left in peace for a moment, and again.
    let resets = proxy.status().mirrors[0].variant.failures[Failure::Reset as usize];
    assert!(resets > 0);
    assert_eq!(resets + dropped(&proxy, Cause::Refused), 200);
}

#[test]
fn a_mirror_that_resets_connections_costs_the_caller_nothing() {
    let shadow = Service::raw(|stream, _, _| reset(&stream));
    caller_knows_nothing(shadow.address, |_| {});
}

#[test]
fn a_mirror_that_answers_garbage_costs_the_caller_nothing() {
    let shadow = Service::says(b"\x00\xff\x15\x03 nonsense\r\n\r\n\r\n");
    caller_knows_nothing(shadow.address, |_| {});
}

#[test]
fn a_mirror_that_answers_a_byte_at_a_time_costs_the_caller_nothing() {
    let shadow = Service::start(|_, stream| {
        for byte in OK {
            if stream.write_all(&[*byte]).is_err() {
                return Next::Close;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Next::Keep
    });
    caller_knows_nothing(shadow.address, |_| {});
}

#[test]
fn a_mirror_that_answers_a_gibibyte_costs_the_caller_nothing() {
    let shadow = Service::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let some = vec![7; 1 << 20];
        for _ in 0..1024 {
            if stream.write_all(&some).is_err() {
                return Next::Close;
            }
        }
        Next::Keep
    });
    let proxy = caller_knows_nothing(shadow.address, |mirror| mirror.in_flight = 4);
    assert!(dropped(&proxy, Cause::InFlight) > 0);
}

#[test]
fn bodies_never_take_more_than_the_budget() {
    let stable = Service::ok();
    let shadow = Service::raw(|_stream, _, _| std::thread::sleep(SOON));
    let mut mirror = mirror(shadow.address);
    (mirror.body_bytes, mirror.budget_bytes) = (256 << 10, 1 << 20);
    (mirror.in_flight, mirror.deadline) = (10_000, Duration::from_millis(800));
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let body = [7; 64 << 10];
    let mut most = 0;
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut caller = Caller::connect(to);
                    for _ in 0..250 {
                        assert_eq!(caller.ask(post("/", &body)).status, 200);
                    }
                })
            })
            .collect();
        while callers.iter().any(|caller| !caller.is_finished()) {
            most = most.max(proxy.status().mirrors[0].under_way.1);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert!(most > 0 && most <= 1 << 20, "{most} bytes were held");
    let mirror = settled(&proxy).mirrors.remove(0);
    assert_eq!(accounted(&mirror), 1000);
    assert!(dropped(&proxy, Cause::Bytes) > 500, "{mirror:?}");
}

#[test]
fn a_body_too_large_to_copy_reaches_stable_whole() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    mirror.body_bytes = 100_000;
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let body = vec![7; 8 << 20];
    assert_eq!(Caller::connect(to).ask(post("/", &body)).status, 200);
    assert_eq!(stable.only().body, body);
    settled(&proxy);
    assert_eq!(dropped(&proxy, Cause::TooLarge), 1);
    assert_eq!(shadow.count(), 0);
}

#[test]
fn a_streamed_copy_of_a_large_body_needs_no_large_budget() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    (mirror.bodies, mirror.body_bytes, mirror.budget_bytes) = (Bodies::Streamed, 1 << 20, 16 << 20);
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let mut caller = Caller::connect(to);
    caller.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 100 << 20));
    let (some, mut most) = (vec![7; 1 << 20], 0);
    for _ in 0..100 {
        caller.send(&some);
        most = most.max(proxy.status().mirrors[0].under_way.1);
        // The mirror may be slower than this loop; a caller is not.
        wait_until(SOON, "the mirror to keep up", || {
            proxy.status().mirrors[0].under_way.1 < 8 << 20
        });
    }
    assert_eq!(caller.answer().status, 200);
    let mirror = settled(&proxy).mirrors.remove(0);
    assert!(most <= 16 << 20, "{most}");
    assert_eq!((mirror.variant.requests, accounted(&mirror)), (1, 1), "{mirror:?}");
    assert_eq!(shadow.only().body.len(), 100 << 20);
    assert_eq!(stable.only().body.len(), 100 << 20);
}

#[test]
fn a_caller_who_leaves_cuts_a_streamed_copy_and_a_whole_one_is_never_sent() {
    for (bodies, begun) in [(Bodies::Streamed, 1), (Bodies::Whole, 0)] {
        let (stable, shadow) = (Service::ok(), Service::ok());
        let mut mirror = mirror(shadow.address);
        mirror.bodies = bodies;
        let (proxy, to) = start(with_mirror(&stable, mirror));
        let mut caller = Caller::connect(to);
        caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf");
        if begun == 1 {
            wait_until(SOON, "the copy to begin", || proxy.status().mirrors[0].under_way.0 == 1);
        }
        std::thread::sleep(Duration::from_millis(100));
        drop(caller);
        wait_until(SOON, "the drop to count", || dropped(&proxy, Cause::CallerLeft) == 1);
        let mirror = settled(&proxy).mirrors.remove(0);
        assert_eq!(accounted(&mirror), 1, "{mirror:?}");
        wait_until(SOON, "what came to end", || shadow.count() == begun);
        assert!(shadow.asked().iter().all(|asked| asked.is_cut), "{:?}", shadow.asked());
        assert_eq!(settled(&proxy).stable.in_flight, 0);
    }
}

#[test]
fn a_streamed_copy_of_a_request_without_a_body_has_none() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let mut mirror = mirror(shadow.address);
    mirror.bodies = Bodies::Streamed;
    let (proxy, to) = start(with_mirror(&stable, mirror));
    let mut caller = Caller::connect(to);
    assert_eq!(caller.ask("DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    settled(&proxy);
    assert_eq!(shadow.only().header("transfer-encoding"), None);
}

/// How a caller sends a body.
#[derive(Clone, Debug)]
struct Sending {
    pieces: Vec<Vec<u8>>,
    is_chunked: bool,
    /// After how many bytes of the request, its head at least, the caller leaves if it does.
    leaves: Option<usize>,
    pause: bool,
}

fn sending() -> impl Strategy<Value = Sending> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..20),
        (1_usize..40_000, any::<u8>()).prop_map(|(n, byte)| vec![byte; n]),
    ];
    let pieces = prop::collection::vec(piece, 1..6);
    let leaves = prop::option::weighted(0.4, 200_usize..60_000);
    (pieces, any::<bool>(), leaves, any::<bool>()).prop_map(
        |(pieces, is_chunked, leaves, pause)| Sending { pieces, is_chunked, leaves, pause },
    )
}

/// What the mirror does: answers, hangs up at once, answers and hangs up, reads a little and resets.
fn misbehave(kind: u8) -> Service {
    match kind {
        0 => Service::ok(),
        1 => Service::start(|_, _| Next::Reset),
        2 => Service::start(|_, stream| {
            let _ = stream.write_all(OK);
            Next::Close
        }),
        _ => Service::raw(|mut stream: TcpStream, _, _| {
            let _ = stream.read(&mut [0; 100]);
            reset(&stream);
        }),
    }
}

#[test]
fn a_mirror_sees_the_bytes_stable_sees_or_nothing() {
    let mut runner = TestRunner::new(Config {
        cases: 150,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    });
    for kind in 0..4 {
        let (stable, shadow) = (Service::ok(), misbehave(kind));
        let (proxy, to) = start(with_mirror(&stable, mirror(shadow.address)));
        let serial = Cell::new(0_u64);
        let outcome = runner.run(&sending(), |sending| {
            serial.set(serial.get() + 1);
            let path = format!("/{}", serial.get());
            let body = sending.pieces.concat();
            let answer = send(to, &path, &sending);
            prop_assert!(answer.is_none_or(|answer| answer.status == 200));
            // A caller who leaves at once may have asked for nothing.
            let accounts = || {
                let status = settled(&proxy);
                let asked = status.stable.requests - status.stable.retries;
                (accounted(&status.mirrors[0]), asked)
            };
            let until = Instant::now() + Duration::from_secs(2);
            let mut seen = accounts();
            while seen.0 != seen.1 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
                seen = accounts();
            }
            prop_assert_eq!(seen.0, seen.1);
            let of = |service: &Service| service.asked().iter().find(|a| a.path() == path).cloned();
            let primary = of(&stable);
            if let Some(copy) = of(&shadow) {
                prop_assert!(!copy.is_cut, "half a body");
                prop_assert_eq!(&copy.body, &body);
                // A caller who left once all was sent may have kept stable from it.
                let same = primary.is_none_or(|primary| primary.is_cut || primary.body == body);
                prop_assert!(same && (sending.leaves.is_some() || of(&stable).is_some()));
            } else if sending.leaves.is_none() && kind != 3 {
                prop_assert!(false, "no copy");
            }
            Ok(())
        });
        outcome.unwrap();
    }
}

fn send(to: SocketAddr, path: &str, sending: &Sending) -> Option<Answer> {
    let mut caller = Caller::connect(to);
    let mut parts = Vec::new();
    if sending.is_chunked {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        parts.push(head.into_bytes());
        for piece in &sending.pieces {
            let size = format!("{:x}\r\n", piece.len());
            parts.push([size.as_bytes(), piece, b"\r\n"].concat());
        }
        parts.push(b"0\r\n\r\n".to_vec());
    } else {
        let length: usize = sending.pieces.iter().map(Vec::len).sum();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        parts.push(head.into_bytes());
        parts.extend(sending.pieces.iter().cloned());
    }
    let mut left = sending.leaves.unwrap_or(usize::MAX);
    for part in parts {
        let n = part.len().min(left);
        caller.send(&part[..n]);
        left -= n;
        if left == 0 {
            return None;
        }
        if sending.pause {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    if sending.leaves.is_some() {
        // It leaves before, or while, it is answered.
        return None;
    }
    Some(caller.answer())
}

#[test]
fn a_mirror_that_is_well_gets_everything() {
    let (stable, shadow) = (Service::ok(), Service::ok());
    let (proxy, to) = start(with_mirror(&stable, mirror(shadow.address)));
    for n in 0..50 {
        assert_eq!(get(to, &format!("/{n}")).status, 200);
    }
    let mirror = settled(&proxy).mirrors.remove(0);
    assert_eq!((mirror.variant.requests, mirror.variant.answers[2]), (50, 50));
    assert_eq!(shadow.count(), 50);
}
