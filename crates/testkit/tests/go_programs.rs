//! The toolchain and the builder against a real Go.

use std::process::Command;
use std::time::Duration;

use photofinish_testkit::{
    BuildOptions, Running, build_go, build_go_source, go_toolchain, try_build_go, workspace_root,
};

const HELLO: &str = r#"package main

import "fmt"

func main() { fmt.Println("hello from", tag) }
"#;

#[test]
fn a_program_is_built_once_and_then_found() {
    let source = HELLO.replace("tag", "\"go\"");
    let first = build_go_source("hello", &source, &BuildOptions::normal());
    let built_at = first.metadata().unwrap().modified().unwrap();
    let second = build_go_source("hello", &source, &BuildOptions::normal());
    assert_eq!(first, second);
    assert_eq!(second.metadata().unwrap().modified().unwrap(), built_at);
    let output = Command::new(first).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello from go\n");
}

#[test]
fn a_race_build_reports_a_race() {
    let racy = r#"package main

func main() {
	n := 0
	done := make(chan bool)
	go func() { n++; done <- true }()
	n++
	<-done
	println(n)
}
"#;
    let binary = build_go_source("racy", racy, &BuildOptions::race());
    let output = Command::new(binary).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("WARNING: DATA RACE"));
    assert_eq!(output.status.code(), Some(66));
}

#[test]
fn a_program_that_does_not_build_says_what_go_said() {
    let folder = photofinish_testkit::temp_dir();
    std::fs::write(folder.path().join("go.mod"), "module broken\n").unwrap();
    std::fs::write(folder.path().join("main.go"), "package main\n\nfunc main() { nonsense() }\n")
        .unwrap();
    let error = try_build_go(folder.path(), &BuildOptions::normal()).unwrap_err();
    assert!(error.to_string().contains("undefined: nonsense"), "{error}");
}

#[test]
fn the_toolchain_is_new_enough() {
    let version = &go_toolchain().version;
    let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    assert!(minor >= 22, "{version}");
}

#[test]
fn the_payment_service_starts_and_ends_in_good_order() {
    for options in [BuildOptions::normal(), BuildOptions::normal().tag("repaired")] {
        let binary = build_go(workspace_root().join("examples/payments"), &options);
        let mut service = Running::start(Command::new(binary).args(["-addr", "127.0.0.1:0"]));
        let url = service.wait_for_line(Duration::from_secs(10), "listening on ");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        let killed =
            Command::new("kill").arg("-TERM").arg(service.pid().to_string()).status().unwrap();
        assert!(killed.success());
        assert!(service.wait_for_end(Duration::from_secs(10)).success(), "{}", service.output());
    }
}
