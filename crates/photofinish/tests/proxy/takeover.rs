//! A new proxy takes over from an old one, under load.

use crate::support::{File, LONG, Proxy, Service, get};
use photofinish_testkit::free_port;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn a_new_proxy_takes_over_without_losing_a_request() {
    let stable = Service::start("stable");
    let file = File::new(&format!(
        "[proxy]\nlisten = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\nstable = \"{}\"\n",
        free_port(),
        free_port(),
        stable.address
    ));
    let old = Proxy::start(&["-c", &file.name()]);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered, address) = (stop.clone(), answered.clone(), old.address.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(get(&address, "/").unwrap().0, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let more = |by: u64| {
        let goal = answered.load(Ordering::Relaxed) + by;
        photofinish_testkit::wait_until(LONG, "answers", || {
            answered.load(Ordering::Relaxed) >= goal
        });
    };
    more(50);
    let new = Proxy::start(&["-c", &file.name(), "--takeover"]);
    let (code, said) = old.end();
    assert_eq!(code, Some(0), "{said}");
    more(50);
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().unwrap();
    }
    assert_eq!(new.get("/").0, 200);
    assert_eq!(get(&new.admin(), "/healthz").unwrap().0, 200);
}

#[test]
fn without_a_proxy_to_take_over_from_it_just_starts() {
    let stable = Service::start("stable");
    let listen = format!("127.0.0.1:{}", free_port());
    let file =
        File::new(&format!("[proxy]\nlisten = \"{listen}\"\nstable = \"{}\"\n", stable.address));
    let proxy = Proxy::start(&["-c", &file.name(), "--takeover"]);
    assert!(proxy.program.output().contains("no proxy runs here"), "{}", proxy.program.output());
    assert_eq!(proxy.get("/").0, 200);
}

#[test]
fn a_successor_that_cannot_start_changes_nothing() {
    let stable = Service::start("stable");
    let base = format!(
        "[proxy]\nlisten = \"127.0.0.1:{}\"\nstable = \"{}\"\n",
        free_port(),
        stable.address
    );
    let file = File::new(&base);
    let old = Proxy::start(&["-c", &file.name()]);
    // An address of the service: it cannot be listened on.
    file.write(&format!("{base}admin = \"{}\"\n", stable.address));
    let failed = crate::support::run(&["-c", &file.name(), "--takeover"]);
    assert_eq!(failed.status.code(), Some(2), "{}", crate::support::text(&failed.stderr));
    assert_eq!(old.get("/").0, 200);
    // And the next one can still take over.
    file.write(&base);
    let _new = Proxy::start(&["-c", &file.name(), "--takeover"]);
    assert_eq!(old.end().0, Some(0));
}
