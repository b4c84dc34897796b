//! Light builds of real programs: silent where a full build is, and still finding races.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use photofinish_supervise::build::{self, Built, Light, Plan, Progress, Sidecar, Variants};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A race may need another go before its two halves are seen.
const TRIES: usize = 10;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../corpus/correct")
}

fn plan(dir: &Path, package: &str, out: &Path) -> Plan {
    let env = [("GOTOOLCHAIN", "local"), ("GOFLAGS", "-buildvcs=false"), ("GOWORK", "")];
    Plan {
        dir: dir.to_owned(),
        packages: vec![package.to_owned()],
        out: out.join("bin/"),
        env: env.map(|(name, value)| (name.into(), value.into())).to_vec(),
        light: Some(Light::default()),
        variants: Variants::Race,
        ..Plan::default()
    }
}

fn race_binary(plan: &Plan) -> (Built, PathBuf) {
    let mut warnings = Vec::new();
    let built = build::build(plan, &mut |progress| {
        if let Progress::Warning(warning) | Progress::Output(warning) = progress {
            warnings.push(warning);
        }
    });
    let built = built.unwrap_or_else(|error| panic!("{error}: {warnings:?}"));
    assert_eq!(warnings, Vec::<String>::new());
    let path = built.packages[0].race.as_ref().unwrap().path.clone();
    (built, path)
}

fn run(binary: &Path, args: &[&str]) -> (Output, String) {
    let output = Command::new(binary).args(args).env("GORACE", "history_size=3").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}

fn reported(binary: &Path, args: &[&str]) -> bool {
    (0..TRIES).any(|_| run(binary, args).1.contains("WARNING: DATA RACE"))
}

#[test]
fn correct_programs_are_silent_in_a_light_build() {
    let out = tempfile::tempdir().unwrap();
    let (built, binary) = race_binary(&plan(&corpus(), "./correct", out.path()));
    assert!(built.light);
    let (output, stderr) = run(&binary, &["all", "8"]);
    assert!(output.status.success(), "{stderr}");
    assert!(!stderr.contains("DATA RACE"), "{stderr}");
    assert!(stderr.contains("part dep-registry") && stderr.contains("part http-tls"), "{stderr}");
    // What makes it dear is left out, and what orders is not.
    let left_out = |path: &str| built.left_out.iter().find(|out| out.package == path);
    assert!(!left_out("strconv").unwrap().atomics);
    assert!(left_out("encoding/json").is_some() && left_out("reflect").is_some());
    assert!(left_out("net/http").unwrap().atomics);
    // `bytes` is used by the program, `hash/crc32` only by its dependencies.
    assert!(left_out("hash/crc32").is_some());
    assert!(left_out("example.org/dep/spin").unwrap().atomics);
    for kept in ["sync", "sync/atomic", "runtime", "bytes", "example.com/correct/correct"] {
        assert_eq!(left_out(kept), None);
    }
    assert_eq!(Sidecar::beside(&binary).unwrap().left_out, built.left_out);
}

#[test]
fn the_correct_programs_would_notice_hidden_atomics() {
    let out = tempfile::tempdir().unwrap();
    let mut plan = plan(&corpus(), "./correct", out.path());
    let (built, _) = race_binary(&plan);
    // The same packages, but with the calls of sync/atomic turned into instructions.
    plan.light = None;
    plan.gcflags =
        built.left_out.iter().map(|out| format!("{}=-race=false", out.package)).collect();
    plan.out = out.path().join("hidden/");
    let (_, binary) = race_binary(&plan);
    for part in ["dep-flag", "dep-locks"] {
        assert!(reported(&binary, &[part]), "{part} says nothing");
    }
}

#[test]
fn races_of_the_users_own_code_and_of_shared_objects_are_still_found() {
    let out = tempfile::tempdir().unwrap();
    let (_, binary) = race_binary(&plan(&corpus(), "./racy", out.path()));
    let (list, _) = run(&binary, &["list"]);
    let parts = String::from_utf8(list.stdout).unwrap();
    assert!(parts.lines().count() >= 10);
    for part in parts.lines() {
        assert!(reported(&binary, &[part]), "nothing found in {part}");
    }
}

#[test]
fn every_module_of_a_workspace_is_the_users_own() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("go.work", "go 1.21\n\nuse (\n\t./svc\n\t./lib\n)\n");
    write("svc/go.mod", "module example.com/svc\n\ngo 1.21\n");
    write("lib/go.mod", "module example.com/lib\n\ngo 1.21\n");
    write(
        "lib/lib.go",
        "package lib\n\nvar n int\n\n//go:noinline\nfunc Bump(done chan bool) { n++; done <- true }\n",
    );
    write(
        "svc/main.go",
        "package main\n\nimport \"example.com/lib\"\n\nfunc main() {\n\tdone := make(chan bool, 2)\n\
         \tgo lib.Bump(done)\n\tgo lib.Bump(done)\n\t<-done\n\t<-done\n}\n",
    );
    let out = tempfile::tempdir().unwrap();
    let mut plan = plan(&dir.path().join("svc"), ".", out.path());
    plan.env.retain(|(name, _)| name != "GOWORK");
    let (built, binary) = race_binary(&plan);
    assert!(built.light && built.left_out.iter().all(|out| out.package != "example.com/lib"));
    assert!(reported(&binary, &[]));
}

#[test]
fn the_users_gcflags_stay_with_the_packages_left_out() {
    let out = tempfile::tempdir().unwrap();
    let mut plan = plan(&corpus(), "./racy", out.path());
    plan.gcflags = vec!["example.org/dep/...=-l".into(), "-N -l".into()];
    plan.light = Some(Light { instrument: vec!["example.org/dep/lazy".into()] });
    let (built, binary) = race_binary(&plan);
    let left_out = |path: &str| built.left_out.iter().any(|out| out.package == path);
    assert!(left_out("example.org/dep/bus") && !left_out("example.org/dep/lazy"));
    assert!(reported(&binary, &["append"]));
    // With -l nothing is inlined, so the symbol of a small function is in the binary.
    let symbols = Command::new("go").args(["tool", "nm"]).arg(&binary).output().unwrap();
    assert!(
        String::from_utf8_lossy(&symbols.stdout).contains("example.org/dep/bus.(*Bus).Publish")
    );
}

/// Go's own tests of its detector (`runtime/race` of the toolchain) under the choice that a light build makes for
/// a program importing what they import. Minutes of compiling: run by `cargo xtask soak race-suite`.
#[test]
fn go_s_own_race_suite_passes_with_the_choice_of_a_light_build() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: long; cargo xtask soak race-suite runs it");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("go.mod"), "module example.com/suite\n\ngo 1.21\n").unwrap();
    let paths = ["bytes", "errors", "fmt", "hash/crc32", "io", "net", "net/http", "reflect"];
    let imports: String = paths.iter().map(|path| format!("import _ {path:?}\n")).collect();
    // Own code that calls the detector, or the build would not be believed.
    let body =
        "import \"os\"\n\nvar seen []string\n\nfunc main() { seen = append(seen, os.Args...) }\n";
    fs::write(dir.path().join("main.go"), format!("package main\n\n{imports}{body}")).unwrap();
    let (built, _) = race_binary(&plan(dir.path(), ".", &dir.path().join("out")));
    let flag = |out: &build::LeftOut| match out.atomics {
        true => format!("'-gcflags={}=-race=false -d=ssa/intrinsics/off'", out.package),
        false => format!("-gcflags={}=-race=false", out.package),
    };
    let flags: Vec<String> = built.left_out.iter().map(flag).collect();
    let output = Command::new("go")
        .args(["test", "-race", "-count=1", "-v", "-run", "^TestRace$", "runtime/race"])
        .envs([("GOFLAGS", flags.join(" ")), ("GOTOOLCHAIN", "local".to_owned())])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // "Passed 368 of 368 tests (100.00%, 0+, 0-)": false positives, false negatives.
    let verdict = said.lines().find(|line| line.contains("Passed ")).unwrap_or_default();
    println!("{} packages left out: {}", built.left_out.len(), verdict.trim());
    assert!(verdict.contains("(100.00%, 0+, 0-)"), "{said}");
}
