//! h2spec, which tries every rule of HTTP/2 (RFC 7540) and HPACK against the proxy.
//!
//! It is a Go program, locked with its dependencies in `tests/h2spec`; where it cannot be built (no
//! module proxy, an older Go) the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod common;

use common::{Service, plan, start};
use photofinish_testkit::{BuildOptions, try_build_go, workspace_root};
use std::process::Command;

#[test]
fn every_rule_of_http2_is_kept() {
    let folder = workspace_root().join("crates/traffic/proxy/tests/h2spec");
    let package = Some("github.com/summerwind/h2spec/cmd/h2spec".to_owned());
    let options = BuildOptions { package, ..BuildOptions::normal() };
    let h2spec = match try_build_go(&folder, &options) {
        Ok(h2spec) => h2spec,
        Err(error) => return eprintln!("skipped: h2spec cannot be built: {error:?}"),
    };
    // Some rules are about answers of some length.
    let stable = Service::says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    let (_proxy, to) = start(plan(stable.address));
    let port = to.port().to_string();
    let output =
        Command::new(h2spec).args(["-h", "127.0.0.1", "-p", &port, "-o", "2"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("145 tests, 145 passed, 0 skipped, 0 failed"), "{text}");
}
