//! `photofinish build` as a user meets it: what it prints, where, and how it exits.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn module(main: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("cmd/api")).unwrap();
    fs::write(dir.path().join("go.mod"), "module example.com/shop\n\ngo 1.21\n").unwrap();
    fs::write(dir.path().join("cmd/api/main.go"), main).unwrap();
    dir
}

fn photofinish(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.arg("build").args(args).current_dir(dir);
    command.env("GOFLAGS", "-buildvcs=false").env("GOTOOLCHAIN", "local");
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const EMPTY: &str = "package main\nfunc main() {}\n";

#[test]
fn what_was_built_goes_to_stdout_and_progress_to_stderr() {
    let dir = module(EMPTY);
    let (code, stdout, stderr) = told(&photofinish(dir.path(), &["./cmd/api"]).output().unwrap());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("example.com/shop/cmd/api (Go 1."), "{stdout}");
    assert!(stdout.contains("  bin/api  ") && stdout.contains("  bin/api-race  "), "{stdout}");
    assert!(stdout.contains("MiB") && stdout.contains("race, full"), "{stdout}");
    assert_eq!(stderr, "photofinish: normal build\nphotofinish: race build\n");
}

#[test]
fn json_names_the_same_binaries() {
    let dir = module(EMPTY);
    let above = dir.path().parent().unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    let args = ["-C", name, "./cmd/api", "-o", "out/", "--format", "json"];
    let (code, stdout, stderr) = told(&photofinish(above, &args).output().unwrap());
    assert_eq!(code, Some(0), "{stderr}");
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let package = &json["packages"][0];
    assert_eq!(package["package"], "example.com/shop/cmd/api");
    let race = Path::new(package["race"]["path"].as_str().unwrap());
    assert_eq!(race.metadata().unwrap().len(), package["race"]["size"].as_u64().unwrap());
    assert!(race.ends_with("out/api-race"));
    assert_eq!(json["light"], false);
}

#[test]
fn errors_of_the_compiler_come_untouched_before_ours() {
    let dir = module("package main\nfunc main() { undefined() }\n");
    let (code, stdout, stderr) = told(&photofinish(dir.path(), &["./cmd/api"]).output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_eq!(
        stderr,
        "photofinish: normal build\n# example.com/shop/cmd/api\n\
         cmd/api/main.go:2:15: undefined: undefined\n\
         error: the normal build of example.com/shop/cmd/api failed\n"
    );
}

#[test]
fn without_go_it_says_what_to_install() {
    let dir = module(EMPTY);
    let output = photofinish(dir.path(), &["./cmd/api"]).env("PATH", "/nonexistent").output();
    let (code, _, stderr) = told(&output.unwrap());
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "error: cannot find the go command (no `go` on PATH)\n  \
         try: install Go 1.22 or newer (https://go.dev/dl) and put it on PATH, or name it with --go PATH\n"
    );
}

#[test]
fn an_interrupt_ends_the_compilers_and_leaves_nothing_behind() {
    let dir = module(EMPTY);
    // A go command that never ends, as a very long build.
    let slow = dir.path().join("slow-go");
    let script =
        "#!/bin/sh\n[ \"$1\" = build ] && { touch building; sleep 600; }\nexec go \"$@\"\n";
    fs::write(&slow, script).unwrap();
    fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = photofinish(dir.path(), &["./cmd/api", "--go", slow.to_str().unwrap()]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !dir.path().join("building").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the build never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert_eq!(fs::read_dir(dir.path().join("bin")).unwrap().count(), 0);
}
