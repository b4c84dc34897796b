//! `photofinish proxy status`.

use crate::support::{Proxy, Service, run, text};

#[test]
fn a_running_proxy_says_how_it_stands() {
    let (stable, shadow) = (Service::start("stable"), Service::start("shadow"));
    let flags =
        ["--stable", &stable.address, "--mirror", &shadow.address, "--admin", "127.0.0.1:0"];
    let proxy = Proxy::start(&flags);
    let admin = proxy.admin();
    for _ in 0..3 {
        proxy.get("/");
    }
    shadow.got("GET /");
    let status = run(&["status", "--admin", &admin, "--format", "json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["variants"][0]["requests"], 3, "{status}");
    let table = text(&run(&["status", "--admin", &admin, "--for", "0s"]).stdout);
    let stable = table.lines().find(|line| line.starts_with("stable")).unwrap();
    assert_eq!(stable.split_whitespace().nth(2), Some("3"), "{table}");
    assert!(table.contains("mirror"), "{table}");
}

#[test]
fn what_is_no_proxy_is_said_not_to_be_one() {
    let service = Service::start("service");
    let asked = run(&["status", "--admin", &service.address]);
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stderr).contains("no photofinish proxy"), "{}", text(&asked.stderr));
    let nobody = format!("127.0.0.1:{}", photofinish_testkit::free_port());
    let asked = run(&["status", "--admin", &nobody]);
    assert_eq!(asked.status.code(), Some(2));
    let said = text(&asked.stderr);
    assert!(said.contains(&nobody) && said.contains("try: check that it runs"), "{said}");
}
