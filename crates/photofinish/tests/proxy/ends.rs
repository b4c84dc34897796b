//! How it ends, and how it does not begin.

use crate::support::{Proxy, Service, command, get, run, text};
use photofinish_testkit::wait_until;
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn an_end_waits_for_requests_under_way() {
    let stable = Service::start("stable");
    let proxy = Proxy::start(&["--stable", &stable.address]);
    let address = proxy.address.clone();
    let slow = std::thread::spawn(move || get(&address, "/slow?wait=1500ms").unwrap());
    stable.got("GET /slow");
    proxy.signal(Signal::TERM);
    wait_until(crate::support::LONG, "the port to close", || {
        std::net::TcpStream::connect(&proxy.address).is_err()
    });
    assert_eq!(slow.join().unwrap(), (200, "stable answers /slow".to_owned()));
    let (code, said) = proxy.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ending: no new connections"), "{said}");
}

#[test]
fn a_second_signal_cuts_requests_under_way() {
    let stable = Service::start("stable");
    let proxy = Proxy::start(&["--stable", &stable.address]);
    let address = proxy.address.clone();
    let slow = std::thread::spawn(move || get(&address, "/slow?wait=60s"));
    stable.got("GET /slow");
    let begun = Instant::now();
    proxy.signal(Signal::TERM);
    proxy.program.wait_for_line(crate::support::LONG, "a second signal cuts them");
    proxy.signal(Signal::INT);
    let (code, said) = proxy.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(slow.join().unwrap().is_err(), "the caller sees a broken connection");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_port_in_use_is_refused_with_whoever_holds_it() {
    let stable = Service::start("stable");
    let taken = run(&["--stable", "127.0.0.1:9", "--listen", &stable.address]);
    let said = text(&taken.stderr);
    assert_eq!(taken.status.code(), Some(2), "{said}");
    assert!(said.contains(&stable.address), "{said}");
    assert!(said.contains(&format!("process {}", stable.program.pid())), "{said}");

    let proxy = Proxy::start(&["--stable", &stable.address]);
    let taken =
        command(&["--stable", &stable.address, "--listen", &proxy.address]).output().unwrap();
    let said = text(&taken.stderr);
    assert_eq!(taken.status.code(), Some(2), "{said}");
    assert!(said.contains("--takeover"), "{said}");
    assert_eq!(proxy.get("/").0, 200, "the one that was there goes on");
}
