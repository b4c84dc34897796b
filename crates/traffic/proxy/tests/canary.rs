//! A canary answers its share, and whatever becomes of it the caller has an answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{
    Asked, Caller, Next, OK, SOON, Service, canary, get, go, plan, settled, start, trusted,
};
use photofinish_proxy::plan::{Canary, Plan, Sticky};
use photofinish_proxy::{Event, Failure, Hooks, Proxy};
use photofinish_testkit::{wait_for, wait_until};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const GET: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
const STABLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstable";
const CANARY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary";

fn with_canary(stable: SocketAddr, canary: Canary) -> Plan {
    let mut plan = plan(stable);
    plan.canary = Some(canary);
    plan
}

/// A canary that answers with these bytes and then ends the connection.
fn dies_after(bytes: &'static [u8]) -> Service {
    Service::start(move |_, stream| {
        let _ = stream.write_all(bytes);
        Next::Close
    })
}

fn resets() -> Service {
    Service::start(|_, _| Next::Reset)
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn the_share_is_exact_within_a_tenth_of_a_percentage_point() {
    let (stable, race) = (Service::says(STABLE), Service::says(CANARY));
    let (_proxy, to) = start(with_canary(stable.address, canary(race.address, 20_000)));
    let (callers, each) = (4, 5_000);
    let by_canary = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                let mut caller = Caller::connect(to);
                for _ in 0..each / 50 {
                    caller.send(GET.repeat(50));
                    for _ in 0..50 {
                        let is_canary = caller.answer().body == b"canary";
                        by_canary.fetch_add(usize::from(is_canary), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let share = by_canary.into_inner() as f64 / (callers * each) as f64;
    assert!((share - 0.02).abs() < 0.001, "{share}");
}

#[test]
fn a_caller_stays_on_its_side_across_a_restart() {
    let (stable, race) = (Service::says(STABLE), Service::says(CANARY));
    let sides = || -> Vec<bool> {
        let mut canary = canary(race.address, 300_000);
        canary.sticky = vec![Sticky::Cookie("session".to_owned())];
        let (_proxy, to) = start(with_canary(stable.address, canary));
        let mut caller = Caller::connect(to);
        (0..200)
            .map(|n| {
                let ask = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; session=u{n}\r\n\r\n");
                let first = caller.ask(&ask).body == b"canary";
                assert_eq!(caller.ask(&ask).body == b"canary", first, "u{n} changed sides");
                first
            })
            .collect()
    };
    let before = sides();
    assert_eq!(sides(), before);
    let canaries = before.iter().filter(|is_canary| **is_canary).count();
    assert!((35..90).contains(&canaries), "{canaries} of 200 with 30 %");
}

#[test]
fn callers_behind_one_load_balancer_have_places_of_their_own() {
    let (stable, race) = (Service::says(STABLE), Service::says(CANARY));
    let mut canary = canary(race.address, 300_000);
    canary.sticky = vec![Sticky::Address];
    let (_proxy, to) = start(with_canary(stable.address, canary));
    let mut caller = Caller::connect(to);
    let canaries = (0..200)
        .filter(|n| {
            let ask = format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.{n}\r\n\r\n"
            );
            caller.ask(ask).body == b"canary"
        })
        .count();
    assert!((35..90).contains(&canaries), "{canaries} of 200 with 30 %");
}

#[test]
fn a_testers_header_chooses_and_goes_no_further() {
    let (stable, race) = (Service::says(STABLE), Service::says(CANARY));
    for (share, asked, answered) in [(0, "always", "canary"), (1_000_000, "never", "stable")] {
        let (_proxy, to) = start(with_canary(stable.address, canary(race.address, share)));
        let ask = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Photofinish-Canary: {asked}\r\n\r\n");
        assert_eq!(Caller::connect(to).ask(ask).text(), answered);
    }
    for service in [&stable, &race] {
        assert_eq!(service.only().header("x-photofinish-canary"), None);
    }
}

/// 1,000 GETs while every one of them goes to `race` first: all are answered, by stable.
#[track_caller]
fn nobody_notices(race: SocketAddr, failure: Failure) {
    let stable = Service::says(STABLE);
    let (proxy, to) = start(with_canary(stable.address, trusted(race, 1_000_000)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut caller = Caller::connect(to);
                for _ in 0..250 {
                    assert_eq!(caller.ask(GET).text(), "stable");
                }
            });
        }
    });
    let status = settled(&proxy);
    let canary = status.canary.unwrap().variant;
    assert_eq!(canary.requests, 1000);
    assert_eq!(canary.failures[failure as usize], 1000, "{:?}", canary.failures);
    assert_eq!((canary.retries, status.stable.requests), (1000, 1000));
    assert_eq!(status.callers.objective.count(), 0, "the canary had a part in all of them");
}

#[test]
fn a_canary_that_resets_fails_no_get() {
    nobody_notices(resets().address, Failure::Reset);
}

#[test]
fn a_canary_that_refuses_fails_no_get() {
    nobody_notices(nobody(), Failure::Connect);
}

#[test]
fn a_canary_that_answers_503_fails_no_get() {
    let race = Service::says(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    nobody_notices(race.address, Failure::Status);
}

#[test]
fn a_canary_that_dies_with_half_of_a_body_of_known_length_fails_no_get() {
    let race = dies_after(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ncanary");
    nobody_notices(race.address, Failure::Cut);
}

#[test]
fn a_canary_that_dies_with_half_of_a_chunked_body_fails_no_get() {
    let race =
        dies_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncanary\r\n3\r\nab");
    nobody_notices(race.address, Failure::Cut);
}

#[test]
fn a_canary_that_answers_no_http_fails_no_get() {
    nobody_notices(dies_after(b"\x16\x03\x01 no http at all\r\n\r\n").address, Failure::Reset);
}

#[test]
fn a_canary_that_hangs_costs_its_patience_and_no_more() {
    let stable = Service::says(STABLE);
    let race = Service::raw(|_stream, _, _| std::thread::sleep(SOON));
    let mut canary = trusted(race.address, 1_000_000);
    canary.patience = Duration::from_millis(100);
    let (proxy, to) = start(with_canary(stable.address, canary));
    let mut caller = Caller::connect(to);
    let started = Instant::now();
    for _ in 0..10 {
        assert_eq!(caller.ask(GET).text(), "stable");
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let canary = settled(&proxy).canary.unwrap().variant;
    assert_eq!(canary.failures[Failure::Timeout as usize], 10);
}

#[test]
fn a_canary_that_hangs_after_a_slow_upload_is_waited_for_no_longer() {
    let stable = Service::says(STABLE);
    let race = Service::start(|_, _| {
        std::thread::sleep(SOON);
        Next::Close
    });
    let mut canary = trusted(race.address, 1_000_000);
    canary.patience = Duration::from_millis(300);
    let (_proxy, to) = start(with_canary(stable.address, canary));
    let mut caller = Caller::connect(to);
    caller.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    for byte in ["a", "b", "c", "d"] {
        std::thread::sleep(Duration::from_millis(200));
        caller.send(byte);
    }
    let uploaded = Instant::now();
    assert_eq!(caller.answer().text(), "stable");
    assert!(uploaded.elapsed() < Duration::from_secs(3), "{:?}", uploaded.elapsed());
    assert_eq!(stable.only().body, b"abcd");
}

fn post(method: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("{method} / HTTP/1.1\r\nHost: a\r\n{extra}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn a_put_is_answered_by_stable_with_the_same_bytes() {
    let stable = Service::says(STABLE);
    // It reads everything and dies; and it dies in the middle of the body.
    let half = Service::raw(|mut stream, _, _| {
        let mut some = [0; 1000];
        let _ = std::io::Read::read(&mut stream, &mut some);
        common::reset(&stream);
    });
    let body: Vec<u8> = (0..60_000_u32).map(|n| (n % 251) as u8).collect();
    for race in [resets(), half] {
        let before = stable.count();
        let (_proxy, to) = start(with_canary(stable.address, trusted(race.address, 1_000_000)));
        for _ in 0..20 {
            assert_eq!(Caller::connect(to).ask(post("PUT", "", &body)).text(), "stable");
        }
        let asked = stable.asked();
        assert_eq!(asked.len() - before, 20);
        assert!(asked.iter().all(|asked| asked.body == body), "stable got other bytes");
    }
}

#[test]
fn a_chunked_put_with_trailers_is_answered_by_stable_with_the_same_bytes() {
    let stable = Service::says(STABLE);
    let race = resets();
    let (_proxy, to) = start(with_canary(stable.address, trusted(race.address, 1_000_000)));
    let ask = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
               3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(ask).text(), "stable");
    let asked = stable.only();
    assert_eq!(asked.body, b"abcdefg");
    assert_eq!(asked.trailers.to_lowercase(), "x-sum: 7\n");
}

#[test]
fn a_post_is_sent_again_only_if_nothing_was_sent_or_the_caller_says_it_may_be() {
    let stable = Service::says(STABLE);
    for (race, extra, status) in [
        (resets().address, "", 502),
        (resets().address, "Idempotency-Key: 7\r\n", 200),
        (nobody(), "", 200),
    ] {
        let (_proxy, to) = start(with_canary(stable.address, trusted(race, 1_000_000)));
        let answer = Caller::connect(to).ask(post("POST", extra, b"one order"));
        assert_eq!(answer.status, status, "{race} {extra}");
    }
    let asked = stable.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.body == b"one order"));
}

#[test]
fn a_503_to_a_post_is_the_callers() {
    let stable = Service::says(STABLE);
    let race = Service::says(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let (_proxy, to) = start(with_canary(stable.address, trusted(race.address, 1_000_000)));
    let answer = Caller::connect(to).ask(post("POST", "", b"one order"));
    assert_eq!((answer.status, answer.text().as_str()), (503, "busy"));
    assert_eq!(stable.count(), 0);
}

#[test]
fn a_body_larger_than_what_is_held_is_not_sent_twice() {
    let stable = Service::says(STABLE);
    let race = resets();
    let mut canary = trusted(race.address, 1_000_000);
    canary.hold_bytes = 10_000;
    let (_proxy, to) = start(with_canary(stable.address, canary));
    assert_eq!(Caller::connect(to).ask(post("PUT", "", &[7; 10_001])).status, 502);
    assert_eq!(stable.count(), 0);
    assert_eq!(Caller::connect(to).ask(post("PUT", "", &[7; 10_000])).status, 200);
    assert_eq!(stable.only().body.len(), 10_000);
}

#[test]
fn a_websocket_that_the_canary_cannot_open_is_opened_by_stable() {
    let stable = Service::says(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let race = resets();
    let (_proxy, to) = start(with_canary(stable.address, trusted(race.address, 1_000_000)));
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(Caller::connect(to).ask(ask).status, 101);
}

#[test]
fn a_stream_by_the_canary_is_not_held() {
    let stable = Service::says(STABLE);
    let race = Service::start(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        for _ in 0..5 {
            let _ = stream.write_all(b"b\r\ndata: now\n\n\r\n");
            std::thread::sleep(Duration::from_millis(400));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        Next::Keep
    });
    for share in [0, 1_000_000] {
        // The first part answers by stable, which here is the same stream.
        let mut plan = with_canary(stable.address, trusted(race.address, share));
        if share == 0 {
            plan.stable = common::upstream(race.address);
        }
        let (_proxy, to) = start(plan);
        let mut caller = Caller::connect(to);
        caller.send(GET);
        let started = Instant::now();
        let mut seen = Vec::new();
        caller.stream.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
        let mut buffer = [0; 4096];
        while let Ok(n) = std::io::Read::read(&mut caller.stream, &mut buffer) {
            seen.extend_from_slice(&buffer[..n]);
        }
        let events = String::from_utf8_lossy(&seen).matches("data: now").count();
        assert_eq!(events, 1, "the first event comes at once, alone: {share}");
        assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    }
}

#[test]
fn the_breaker_opens_probes_and_brings_the_canary_back() {
    let stable = Service::says(STABLE);
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let race = Service::start(move |_, stream| {
        if !well.load(Ordering::Relaxed) {
            return Next::Reset;
        }
        if stream.write_all(CANARY).is_ok() { Next::Keep } else { Next::Close }
    });
    let mut canary = canary(race.address, 1_000_000);
    canary.breaker.path = Some("/healthz".to_owned());
    canary.breaker.interval = Duration::from_millis(20);
    canary.breaker.ramp = Duration::from_millis(400);
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let event = Box::new(move |event| told.lock().unwrap().push(event));
    let hooks = Hooks { event, ..Hooks::default() };
    let proxy = Proxy::start(with_canary(stable.address, canary), hooks).unwrap();
    let to = proxy.addresses()[0];
    let mut caller = Caller::connect(to);
    wait_until(SOON, "the breaker to open", || {
        assert_eq!(caller.ask(GET).text(), "stable");
        proxy.status().canary.unwrap().breaker == "open"
    });
    let alone = proxy.status().canary.unwrap();
    assert_eq!((alone.share_now, alone.ejections), (0.0, 1));
    for _ in 0..50 {
        caller.ask(GET);
    }
    assert_eq!(proxy.status().canary.unwrap().variant.requests, alone.variant.requests);
    is_well.store(true, Ordering::Relaxed);
    let ramp = wait_for(SOON, "the share to grow", || {
        let canary = proxy.status().canary.unwrap();
        (canary.breaker == "ramp").then_some(canary.share_now)
    });
    assert!((0.1..1.0).contains(&ramp), "{ramp}");
    wait_until(SOON, "the whole share", || proxy.status().canary.unwrap().share_now == 1.0);
    assert_eq!(caller.ask(GET).text(), "canary");
    wait_until(SOON, "the news", || events.lock().unwrap().contains(&Event::CanaryIsBack));
    let events = events.lock().unwrap();
    let told: Vec<_> = events
        .iter()
        .filter(|event| !matches!(event, Event::UpstreamFailed { .. }))
        .map(|event| event.to_string().split([',', ':']).next().unwrap().to_owned())
        .collect();
    assert_eq!(
        told,
        ["canary left alone", "canary answers probes again", "canary has its whole share again"]
    );
}

#[test]
fn a_canary_that_fails_in_another_way_each_time_fails_nobody() {
    let stable = Service::says(STABLE);
    let turn = AtomicU8::new(0);
    let race = Service::start(move |_: &Asked, stream: &mut TcpStream| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let (bytes, next): (&[u8], _) = match turn % 8 {
            0 => (b"", Next::Reset),
            1 => (b"HTTP/1.1 200 OK\r\nContent-Le", Next::Close),
            2 => (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive5", Next::Reset),
            3 => {
                (b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", Next::Close)
            }
            4 => (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", Next::Reset),
            5 => (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
                Next::Close,
            ),
            6 => (b"HTTP/1.1 103 Early Hints\r\n\r\n", Next::Close),
            _ => (OK, Next::Keep),
        };
        let _ = stream.write_all(bytes);
        next
    });
    let (_proxy, to) = start(with_canary(stable.address, trusted(race.address, 1_000_000)));
    let mut caller = Caller::connect(to);
    for n in 0..400 {
        caller.send(GET);
        let mut answer = caller.answer();
        if answer.status == 103 {
            answer = caller.answer();
        }
        assert_eq!(answer.status, 200, "request {n}: {}", answer.head);
    }
}

#[test]
fn a_canary_killed_again_and_again_under_load_is_noticed_by_nobody() {
    const SOURCE: &str = include_str!("services/shop.go");
    let stable = go("shop", SOURCE, &["stable"]);
    let mut race = Some(go("shop", SOURCE, &["canary"]));
    let address = race.as_ref().unwrap().address;
    let (proxy, to) = start(with_canary(stable.address, trusted(address, 500_000)));
    let until = Instant::now() + Duration::from_secs(5);
    let (asked, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (asked, failed) = (&asked, &failed);
            scope.spawn(move || {
                let path = ["/", "/slow", "/halves"][n % 3];
                let ask = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
                let mut caller = Caller::connect(to);
                while Instant::now() < until {
                    asked.fetch_add(1, Ordering::Relaxed);
                    caller.send(&ask);
                    let answer = caller.try_answer(false);
                    if answer.as_ref().is_none_or(|answer| answer.status != 200) {
                        failed.lock().unwrap().push((path, answer));
                        caller = Caller::connect(to);
                    }
                    std::thread::sleep(Duration::from_millis(3));
                }
            });
        }
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
            // SIGKILL, and a new one at the same address.
            drop(race.take());
            std::thread::sleep(Duration::from_millis(50));
            race = Some(go("shop", SOURCE, &["canary", &address.to_string()]));
        }
    });
    let (failed, asked) = (failed.into_inner().unwrap(), asked.into_inner());
    assert!(failed.is_empty(), "{} of {asked}: {:?}", failed.len(), &failed[..failed.len().min(3)]);
    let canary = settled(&proxy).canary.unwrap().variant;
    assert!(canary.answers[2] > 100 && canary.retries > 10, "{canary:?}");
    assert_eq!(get(to, "/").status, 200);
}
