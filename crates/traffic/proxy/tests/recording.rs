//! Requests are kept as callers sent them, once their answers are whole, without what they must not hold.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use common::{Caller, SOON, Service, plan, start};
use photofinish_proxy::Proxy;
use photofinish_proxy::plan::{Plan, Recording, Share};
use photofinish_recording::{Dropped, Recorded, Recording as Read, Redaction, WhenFull};
use photofinish_testkit::{temp_dir, wait_until};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

fn keeping(stable: &Service, file: &Path) -> Plan {
    let mut plan = plan(stable.address);
    plan.recording = Some(Recording {
        share: Share::ALL,
        file: photofinish_recording::Plan {
            path: file.to_owned(),
            max_bytes: 1 << 20,
            when_full: WhenFull::Rotate { files: 2 },
            max_body: 64 << 10,
            max_queued: 1 << 20,
            redaction: Redaction::default(),
        },
    });
    plan
}

fn counts(proxy: &Proxy) -> photofinish_recording::Counts {
    proxy.status().recording.unwrap()
}

fn read(file: &Path) -> Vec<Recorded> {
    Read::open(file).unwrap().map(Result::unwrap).collect()
}

fn header<'a>(recorded: &'a Recorded, name: &str) -> Option<&'a str> {
    recorded.headers.get(name).map(|value| value.to_str().unwrap())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")
}

#[test]
fn a_request_is_kept_as_its_caller_sent_it() {
    let (stable, folder) = (Service::ok(), temp_dir());
    let file = folder.path().join("traffic.jsonl");
    let (proxy, to) = start(keeping(&stable, &file));
    let mut caller = Caller::connect(to);
    let ask = "POST /pay?token=t0p&x=%2f HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer s3cret\r\n\
               Connection: x-drop\r\nX-Drop: 1\r\nX-Order: 7\r\nContent-Length: 9\r\n\r\n{\"id\": 7}";
    assert_eq!(caller.ask(ask).status, 200);
    assert_eq!(caller.ask(get("/")).status, 200);
    wait_until(SOON, "both are written", || counts(&proxy).recorded == 2);
    drop(proxy);
    let kept = read(&file);
    let (first, second) = (&kept[0], &kept[1]);
    assert_eq!((first.method.as_str(), second.method.as_str()), ("POST", "GET"));
    assert_eq!(first.target, "/pay?token=REDACTED&x=%2f");
    assert_eq!(first.host.as_deref(), Some("shop.test"));
    assert_eq!(first.body.as_ref(), b"{\"id\": 7}");
    assert_eq!(header(first, "authorization").unwrap(), "REDACTED");
    assert_eq!(header(first, "x-order").unwrap(), "7");
    assert_eq!(header(first, "x-drop"), None, "what was of the connection is not the request's");
    assert_eq!(header(first, "x-forwarded-for"), None, "what the proxy adds is not the caller's");
    assert_eq!(first.status, Some(200));
    assert_eq!(first.connection, second.connection);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("s3cret"));
}

#[test]
fn a_request_that_is_not_whole_is_counted_and_not_kept() {
    let (stable, folder) = (Service::ok(), temp_dir());
    let file = folder.path().join("traffic.jsonl");
    let (proxy, to) = start(keeping(&stable, &file));
    let mut leaves = TcpStream::connect(to).unwrap();
    leaves.write_all(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc").unwrap();
    wait_until(SOON, "it has begun", || proxy.status().stable.in_flight == 1);
    drop(leaves);
    wait_until(SOON, "it is counted", || counts(&proxy).dropped(Dropped::Incomplete) == 1);
    let large = [
        format!("PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 65 << 10)
            .into_bytes(),
        vec![b'x'; 65 << 10],
    ]
    .concat();
    assert_eq!(Caller::connect(to).ask(large).status, 200, "the caller does not notice");
    wait_until(SOON, "it is counted", || counts(&proxy).dropped(Dropped::BodyTooLarge) == 1);
    assert_eq!(counts(&proxy).recorded, 0);
}

#[test]
fn a_reload_goes_on_with_the_file_and_one_that_is_written_by_another_proxy_stops_nobody() {
    let (stable, folder) = (Service::ok(), temp_dir());
    let file = folder.path().join("traffic.jsonl");
    let (proxy, to) = start(keeping(&stable, &file));
    assert_eq!(Caller::connect(to).ask(get("/1")).status, 200);
    let mut changed = keeping(&stable, &file);
    changed.listen[0].address = to;
    changed.timeouts.drain = Duration::from_secs(1);
    // The address of port 0 is the plan's; only what may change does.
    changed.listen[0].address.set_port(0);
    proxy.reload(changed).unwrap();
    assert_eq!(Caller::connect(to).ask(get("/2")).status, 200);
    wait_until(SOON, "both are written", || counts(&proxy).recorded == 2);
    let (second, second_to) = start(keeping(&stable, &file));
    assert_eq!(Caller::connect(second_to).ask(get("/3")).status, 200);
    assert!(second.status().recording.is_none(), "it says so, and serves");
    drop(proxy);
    assert_eq!(read(&file).len(), 2);
}

#[test]
fn a_disk_that_is_full_costs_no_caller_an_answer() {
    let stable = Service::ok();
    let (proxy, to) = start(keeping(&stable, Path::new("/dev/full")));
    let mut caller = Caller::connect(to);
    for n in 0..200 {
        assert_eq!(caller.ask(get(&format!("/{n}"))).status, 200);
    }
    wait_until(SOON, "all are counted", || {
        let counts = counts(&proxy);
        counts.dropped(Dropped::Disk) == 200 && counts.trouble.is_some()
    });
}
