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
