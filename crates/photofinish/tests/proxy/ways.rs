//! Who answers, and who gets copies.

use crate::support::{Proxy, Service, ask};
use rustix::process::Signal;

#[test]
fn stable_answers_and_a_tester_chooses_the_canary() {
    let (stable, canary) = (Service::start("stable"), Service::start("canary"));
    let flags = ["--stable", &stable.address, "--canary", &canary.address];
    let proxy = Proxy::start(&flags);
    for (asked, way) in [("never", "stable"), ("always", "canary")] {
        let request = format!(
            "GET /orders HTTP/1.1\r\nhost: test\r\nx-photofinish-canary: {asked}\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(ask(&proxy.address, &request).unwrap(), (200, format!("{way} answers /orders")));
    }
    proxy.signal(Signal::TERM);
    let (code, said) = proxy.end();
    assert_eq!(code, Some(0), "{said}");
    let row = |way: &str| said.lines().find(|line| line.starts_with(way)).unwrap().to_owned();
    for way in ["stable", "canary"] {
        assert_eq!(row(way).split_whitespace().nth(2), Some("1"), "one request each:\n{said}");
    }
}

#[test]
fn copies_that_may_change_something_are_announced_and_marked() {
    let (stable, shadow) = (Service::start("stable"), Service::start("shadow"));
    let file = crate::support::File::new(&format!(
        "[proxy]\nlisten = \"127.0.0.1:0\"\nstable = \"{}\"\n[[proxy.mirror]]\nname = \"shadow\"\nto = \"{}\"\n\
         rules = [{{ methods = [\"POST\"], path = \"/search\" }}]\n\
         headers = {{ replace = {{ authorization = \"test\" }} }}\n",
        stable.address, shadow.address
    ));
    let proxy = Proxy::start(&["-c", &file.name()]);
    proxy.program.wait_for_line(
        crate::support::LONG,
        "mind: mirror shadow gets copies of POST /search, which may change something",
    );
    for path in ["/order", "/search"] {
        let request = format!(
            "POST {path}?q=1 HTTP/1.1\r\nhost: test\r\nauthorization: secret\r\ncontent-length: 3\r\n\
             connection: close\r\n\r\nabc"
        );
        assert_eq!(ask(&proxy.address, &request).unwrap().0, 200);
    }
    assert_eq!(shadow.got("POST /search?q=1 "), r#""abc" mark="1" auth="test""#);
    assert_eq!(stable.got("POST /search?q=1 "), r#""abc" mark="" auth="secret""#);
    assert!(!shadow.program.output().contains("/order"), "no rule allows it");
}

#[test]
fn a_mirror_that_answers_otherwise_now_and_then_becomes_a_finding() {
    let (stable, shadow) = (Service::start("orders"), Service::lying("orders"));
    let file = crate::support::File::new(&format!(
        "[proxy]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nstable = \"{}\"\n[[proxy.mirror]]\n\
         to = \"{}\"\n[proxy.mirror.compare]\n[store]\npath = \"findings.db\"\n",
        stable.address, shadow.address
    ));
    let proxy = Proxy::start(&["-c", &file.name()]);
    let admin = proxy.admin();
    for _ in 0..200 {
        assert_eq!(proxy.get("/").0, 200);
    }
    photofinish_testkit::wait_until(crate::support::LONG, "200 answers to be compared", || {
        let status = crate::support::get(&admin, "/status").unwrap().1;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let compared = &status["variants"][1]["compared"];
        compared["same"] == 196 && compared["different"] == 4
    });
    proxy.signal(Signal::TERM);
    let (code, said) = proxy.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the mirror's answers differed"), "{said}");
    let store = photofinish_store::Store::open(file.folder().join("findings.db")).unwrap();
    let findings = store.findings(&photofinish_store::Filter::default()).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
}
