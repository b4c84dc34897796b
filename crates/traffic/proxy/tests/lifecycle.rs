//! Plans change, proxies end and begin, and no request is lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{Caller, Service, get, mirror, plan, settled, start, trusted, upstream};
use photofinish_proxy::{Hooks, Proxy};
use photofinish_testkit::wait_until;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Callers who ask without end, on connections they keep as long as they are let, and never ask twice.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    asked: AtomicUsize,
    connected: AtomicUsize,
    lost: Mutex<Vec<String>>,
}

impl Load {
    fn ask(&self, to: SocketAddr) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.connected.fetch_add(1, Ordering::Relaxed);
            let mut caller = Caller::connect(to);
            loop {
                self.asked.fetch_add(1, Ordering::Relaxed);
                let sent = caller.stream.write_all(GET.as_bytes());
                let answer = caller.try_answer(false);
                match answer {
                    Some(answer) if answer.status == 200 => {
                        let last = answer.header("connection").is_some_and(|said| said == "close");
                        if last || self.is_over.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    other => {
                        self.lost.lock().unwrap().push(format!("{sent:?} {other:?}"));
                        break;
                    }
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[track_caller]
    fn end(self) -> (usize, usize) {
        let lost = self.lost.into_inner().unwrap();
        let asked = self.asked.into_inner();
        assert!(
            lost.is_empty(),
            "{} of {asked} lost: {:?}",
            lost.len(),
            &lost[..lost.len().min(3)]
        );
        (asked, self.connected.into_inner())
    }
}

#[test]
fn a_reload_loses_neither_a_request_nor_a_connection() {
    let (one, two, race) = (Service::ok(), Service::ok(), Service::ok());
    let before = plan(one.address);
    let (proxy, to) = start(before.clone());
    let load = Load::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load.ask(to));
        }
        for n in 0..40 {
            let mut next = before.clone();
            if n % 2 == 0 {
                next.stable = upstream(two.address);
                next.canary = Some(trusted(race.address, 100_000));
                next.mirrors = vec![mirror(race.address)];
            }
            proxy.reload(next).unwrap();
            std::thread::sleep(Duration::from_millis(25));
        }
        load.is_over.store(true, Ordering::Relaxed);
    });
    let (asked, connected) = load.end();
    assert_eq!(connected, 4, "of {asked} requests");
    assert!(one.count() > 50 && two.count() > 50 && race.count() > 10);
    let status = settled(&proxy);
    assert_eq!(status.stable.answers[2] as usize, one.count() + two.count());
    assert_eq!(status.callers.connections_all, 4);
}

#[test]
fn a_plan_that_makes_no_sense_changes_nothing() {
    let (one, two) = (Service::ok(), Service::ok());
    let before = plan(one.address);
    let (proxy, to) = start(before.clone());
    let wrong = |change: &dyn Fn(&mut photofinish_proxy::plan::Plan)| {
        let mut plan = before.clone();
        plan.stable = upstream(two.address);
        change(&mut plan);
        proxy.reload(plan).unwrap_err().to_string()
    };
    let canary = || common::canary(two.address, 500_000);
    let told = wrong(&|plan| {
        let mut canary = canary();
        canary.confirmed = false;
        plan.canary = Some(canary);
    });
    assert!(told.contains("proxy.canary.share"), "{told}");
    let told = wrong(&|plan| plan.workers = 7);
    assert_eq!(told, "`proxy.workers` cannot change while the proxy runs");
    let told = wrong(&|plan| plan.listen[0].address.set_port(1));
    assert_eq!(told, "`proxy.listen` cannot change while the proxy runs");
    let told = wrong(&|plan| {
        plan.stable = "https://localhost:1".parse().unwrap();
        plan.stable.authorities = Some("/no/such/file.pem".into());
    });
    assert!(told.starts_with("cannot set up TLS to https://localhost:1"), "{told}");
    assert_eq!(get(to, "/").status, 200);
    assert_eq!((one.count(), two.count()), (1, 0));
}

#[test]
fn a_mirrors_budget_holds_across_a_reload() {
    let stable = Service::ok();
    let hangs = Service::raw(|_stream, _, _| std::thread::sleep(common::SOON));
    let mut plan = plan(stable.address);
    let mut shadow = mirror(hangs.address);
    (shadow.in_flight, shadow.deadline) = (3, Duration::from_secs(2));
    plan.mirrors = vec![shadow];
    let (proxy, to) = start(plan.clone());
    for _ in 0..4 {
        for _ in 0..5 {
            assert_eq!(get(to, "/").status, 200);
        }
        assert!(proxy.status().mirrors[0].variant.in_flight <= 3);
        proxy.reload(plan.clone()).unwrap();
    }
    let mirror = settled(&proxy).mirrors.remove(0);
    assert_eq!(common::accounted(&mirror), 20);
    assert_eq!(mirror.variant.requests, 3);
}

#[test]
fn a_proxy_that_takes_over_loses_nothing() {
    let stable = Service::ok();
    let (mut old, to) = start(plan(stable.address));
    let load = Load::default();
    let mut handed = 0;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load.ask(to));
        }
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(150));
            let inherited = old.listeners().iter().map(|each| each.try_clone().unwrap()).collect();
            let mut plan = plan(stable.address);
            plan.listen[0].address = to;
            let new = Proxy::start(plan, Hooks { inherited, ..Hooks::default() }).unwrap();
            let status = std::mem::replace(&mut old, new).drain(|| false);
            handed += status.stable.answers[2];
            assert_eq!((status.callers.connections, status.stable.in_flight), (0, 0));
        }
        std::thread::sleep(Duration::from_millis(150));
        load.is_over.store(true, Ordering::Relaxed);
    });
    let (asked, connected) = load.end();
    assert!(connected > 4, "they were told to come again");
    let last = settled(&old).stable.answers[2];
    assert_eq!((handed + last) as usize, asked);
}

#[test]
fn a_drain_ends_requests_under_way_and_says_close() {
    let stable = Service::start(|asked, stream| {
        if asked.path() == "/slow" {
            std::thread::sleep(Duration::from_millis(700));
        }
        let _ = stream.write_all(common::OK);
        common::Next::Keep
    });
    let (proxy, to) = start(plan(stable.address));
    let (mut kept, mut slow) = (Caller::connect(to), Caller::connect(to));
    assert_eq!(kept.ask(GET).header("connection"), None);
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(common::SOON, "the slow one to be under way", || {
        stable.asked().iter().any(|asked| asked.path() == "/slow")
    });
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| proxy.drain(|| false));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(kept.ask(GET).header("connection").unwrap(), "close");
        assert!(kept.is_closed_within(Duration::from_secs(2)));
        let answer = slow.answer();
        assert_eq!(
            (answer.text().as_str(), answer.header("connection").unwrap().as_str()),
            ("ok", "close")
        );
        let status = drained.join().unwrap();
        assert_eq!((status.stable.answers[2], status.callers.connections), (3, 0));
    });
    assert!(std::net::TcpStream::connect(to).is_err());
}

#[test]
fn a_drain_takes_no_longer_than_it_may() {
    let stable = Service::raw(|_stream, _, _| std::thread::sleep(common::SOON));
    let mut plan = plan(stable.address);
    plan.timeouts.drain = Duration::from_millis(300);
    let (proxy, to) = start(plan.clone());
    let mut caller = Caller::connect(to);
    caller.send(GET);
    let started = Instant::now();
    proxy.drain(|| false);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(caller.try_answer(false), None);
    plan.timeouts.drain = common::SOON;
    let (proxy, to) = start(plan);
    let _silent = Caller::connect(to);
    wait_until(common::SOON, "it to be accepted", || proxy.status().callers.connections == 1);
    let started = Instant::now();
    proxy.drain(|| false);
    assert!(started.elapsed() < Duration::from_secs(6), "a silent caller: {:?}", started.elapsed());
}

#[test]
fn the_figures_add_up() {
    let (stable, race, shadow) = (Service::ok(), Service::ok(), Service::ok());
    let mut plan = plan(stable.address);
    plan.canary = Some(trusted(race.address, 200_000));
    plan.mirrors = vec![mirror(shadow.address)];
    plan.admin = Some("127.0.0.1:0".parse().unwrap());
    let (proxy, to) = start(plan);
    let mut caller = Caller::connect(to);
    for _ in 0..100 {
        caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
    }
    caller.ask("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    let status = settled(&proxy);
    let canary = status.canary.clone().unwrap().variant;
    let by_stable = 100 - canary.requests;
    assert!((79..=81).contains(&by_stable), "{by_stable}");
    assert_eq!(canary.answers[2] + status.stable.answers[2], 100);
    assert_eq!(status.stable.requests, by_stable);
    assert_eq!(canary.bytes_in + status.stable.bytes_in, 1000);
    assert_eq!(canary.bytes_out + status.stable.bytes_out, 200);
    assert_eq!(canary.latency.count(), canary.requests);
    assert_eq!(status.stable.latency.count(), by_stable);
    assert_eq!(status.callers.objective.count(), by_stable);
    assert_eq!(status.overhead.count(), 100);
    assert_eq!(
        (status.mirrors[0].variant.requests, status.mirrors[0].variant.bytes_out),
        (100, 200)
    );
    let admin = proxy.admin().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&get(admin, "/status").body).unwrap();
    assert_eq!(json["variants"][0]["requests"], by_stable);
    assert_eq!(json["callers"]["refused"]["connect_method"], 1);
    let metrics = get(admin, "/metrics").text();
    assert!(metrics.contains("variant=\"canary\"") && metrics.ends_with('\n'), "{metrics}");
}
