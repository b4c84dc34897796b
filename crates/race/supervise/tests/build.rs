//! Real Go modules, really built: what `build` makes of them, and what it says when it cannot.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use photofinish_supervise::build::{
    self, BuildError, Built, Plan, Progress, Sidecar, Variant, Variants,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

/// Prints which tags it was built with, and a variable that -ldflags may set.
const API: &str = r#"package main
var canary, extra, fromEnv, version = "no", "no", "no", "none"
func main() { println("canary", canary, "extra", extra, "goflags", fromEnv, "version", version) }
"#;

fn tagged(tag: &str, variable: &str) -> String {
    format!("//go:build {tag}\n\npackage main\n\nfunc init() {{ {variable} = \"yes\" }}\n")
}

fn module(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn api() -> tempfile::TempDir {
    module(&[
        ("go.mod", "module example.com/shop\n\ngo 1.21\n"),
        ("cmd/api/main.go", API),
        ("cmd/api/canary.go", &tagged("racecanary", "canary")),
        ("cmd/api/extra.go", &tagged("extra", "extra")),
        ("cmd/api/env.go", &tagged("fromenv", "fromEnv")),
        ("cmd/worker/main.go", "package main\nfunc main() {}\n"),
        ("cart/cart.go", "package cart\n"),
    ])
}

fn plan(dir: &Path, package: &str) -> Plan {
    let env = [("GOTOOLCHAIN", "local"), ("GOFLAGS", "-buildvcs=false"), ("GOWORK", "")];
    Plan {
        dir: dir.to_owned(),
        packages: vec![package.to_owned()],
        env: env.map(|(name, value)| (name.into(), value.into())).to_vec(),
        ..Plan::default()
    }
}

fn with_env(mut plan: Plan, name: &str, value: &str) -> Plan {
    plan.env.push((name.into(), value.into()));
    plan
}

fn quietly(plan: &Plan) -> Result<Built, BuildError> {
    build::build(plan, &mut |_| {})
}

fn says(binary: &Path) -> String {
    let output = Command::new(binary).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// What `go version -m` knows about a binary.
fn stamp(binary: &Path) -> String {
    let info = Command::new("go").args(["version", "-m"]).arg(binary).output().unwrap();
    String::from_utf8(info.stdout).unwrap()
}

fn normal(built: &Built) -> PathBuf {
    built.packages[0].normal.as_ref().unwrap().path.clone()
}

fn race(built: &Built) -> PathBuf {
    built.packages[0].race.as_ref().unwrap().path.clone()
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn both_binaries_stand_side_by_side_and_only_the_race_one_has_the_tag() {
    let dir = api();
    let built = quietly(&plan(dir.path(), "./cmd/api")).unwrap();
    assert_eq!(names_in(&dir.path().join("bin")), ["api", "api-race", "api-race.photofinish.json"]);
    assert!(says(&normal(&built)).contains("canary no"));
    assert!(says(&race(&built)).contains("canary yes"));
    assert!(stamp(&race(&built)).contains("-race=true"));
    let package = &built.packages[0];
    assert_eq!(package.import_path, "example.com/shop/cmd/api");
    assert_eq!(package.module, "example.com/shop");
    assert!(built.go_version.starts_with("1."));
    assert_eq!(package.race.as_ref().unwrap().size, fs::metadata(race(&built)).unwrap().len());
}

#[test]
fn tags_are_joined_with_those_of_goflags_and_ldflags_reach_both() {
    let dir = api();
    let goflags = "-buildvcs=false -tags=fromenv";
    let mut plan = with_env(plan(dir.path(), "./cmd/api"), "GOFLAGS", goflags);
    plan.tags = vec!["extra".into()];
    plan.ldflags = vec!["-X main.version=1.2.3 -s -w".into()];
    plan.extra = vec!["-trimpath".into(), "-mod".into(), "mod".into()];
    let built = quietly(&plan).unwrap();
    let rest = "extra yes goflags yes version 1.2.3\n";
    assert_eq!(says(&normal(&built)), format!("canary no {rest}"));
    assert_eq!(says(&race(&built)), format!("canary yes {rest}"));
    let sidecar = Sidecar::beside(&race(&built)).unwrap();
    assert_eq!(sidecar.tags, ["fromenv", "extra", "racecanary"]);
    assert_eq!(sidecar.package, "example.com/shop/cmd/api");
    assert!(!sidecar.light);
}

#[test]
fn a_flag_puts_the_tag_on_both() {
    let dir = api();
    let mut plan = plan(dir.path(), "./cmd/api");
    plan.racecanary_on_both = true;
    let built = quietly(&plan).unwrap();
    assert!(says(&normal(&built)).contains("canary yes"));
}

#[test]
fn goflags_that_ask_for_race_do_not_reach_the_normal_build() {
    let dir = api();
    let plan = with_env(plan(dir.path(), "./cmd/worker"), "GOFLAGS", "-buildvcs=false -race");
    let built = quietly(&plan).unwrap();
    assert!(!stamp(&normal(&built)).contains("-race=true"));
}

#[test]
fn several_commands_are_built_at_once_into_a_folder_that_is_made() {
    let dir = api();
    let mut plan = plan(dir.path(), "./...");
    plan.out = "out/deep/".into();
    plan.variants = Variants::Normal;
    let built = quietly(&plan).unwrap();
    assert_eq!(built.packages.len(), 2);
    assert_eq!(names_in(&dir.path().join("out/deep")), ["api", "worker"]);
    plan.packages = vec!["./cmd/worker".into()];
    plan.out = "out/w1".into();
    plan.variants = Variants::Both;
    quietly(&plan).unwrap();
    assert!(dir.path().join("out/w1-race").is_file());
}

#[test]
fn two_commands_of_one_name_are_refused_before_anything_is_compiled() {
    let dir = api();
    let other = dir.path().join("tools/api/main.go");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(other, "package main\nfunc main() {}\n").unwrap();
    let error = quietly(&plan(dir.path(), "./...")).unwrap_err();
    assert!(matches!(error, BuildError::SameName { .. }), "{error}");
    assert!(error.to_string().contains("tools/api"));
    assert_eq!(names_in(&dir.path().join("bin")), Vec::<String>::new());
}

#[test]
fn a_package_that_is_no_command_is_answered_with_the_commands_there_are() {
    let dir = api();
    let error = quietly(&plan(dir.path(), "./cart")).unwrap_err();
    assert_eq!(error.to_string(), "example.com/shop/cart is package cart, not a command");
    assert_eq!(error.hint().unwrap(), "name one of its commands: ./cmd/api, ./cmd/worker");
    let error = quietly(&plan(dir.path(), "./cart/...")).unwrap_err();
    assert!(matches!(error, BuildError::NoMains { .. }), "{error}");
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let dir = api();
    let error = quietly(&plan(dir.path(), "./cmd/nothing")).unwrap_err();
    assert!(matches!(error, BuildError::Package { .. }), "{error}");
    assert!(error.to_string().contains("cmd/nothing"), "{error}");
    let error = quietly(&plan(&dir.path().join("nowhere"), ".")).unwrap_err();
    assert!(matches!(error, BuildError::Dir { .. }), "{error}");
}

#[test]
fn what_the_compiler_says_is_passed_on_and_the_old_binaries_stay() {
    let dir = api();
    let built = quietly(&plan(dir.path(), "./cmd/api")).unwrap();
    let before = fs::read(race(&built)).unwrap();
    fs::write(dir.path().join("cmd/api/broken.go"), "package main\nvar x int = \"a\"\n").unwrap();
    let mut said = Vec::new();
    let error = build::build(&plan(dir.path(), "./cmd/api"), &mut |progress| {
        if let Progress::Output(line) = progress {
            said.push(line);
        }
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "the normal build of example.com/shop/cmd/api failed");
    assert_eq!(said[0], "# example.com/shop/cmd/api");
    assert!(said[1].starts_with("cmd/api/broken.go:2:13: cannot use"), "{said:?}");
    assert_eq!(fs::read(race(&built)).unwrap(), before);
    assert_eq!(names_in(&dir.path().join("bin")), ["api", "api-race", "api-race.photofinish.json"]);
}

#[test]
fn a_build_that_is_stopped_leaves_the_old_binaries_whole() {
    let dir = api();
    let built = quietly(&plan(dir.path(), "./cmd/api")).unwrap();
    let before = (fs::read(normal(&built)).unwrap(), fs::read(race(&built)).unwrap());
    let plan = plan(dir.path(), "./cmd/api");
    let stop = plan.stop.clone();
    let error = build::build(&plan, &mut |progress| {
        if matches!(progress, Progress::Started(Variant::Race, _)) {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    assert!(matches!(error, BuildError::Stopped), "{error}");
    assert_eq!((fs::read(normal(&built)).unwrap(), fs::read(race(&built)).unwrap()), before);
    assert_eq!(names_in(&dir.path().join("bin")), ["api", "api-race", "api-race.photofinish.json"]);
}

#[test]
fn without_go_or_a_compiler_or_cgo_it_says_what_to_do() {
    let dir = api();
    let there = || plan(dir.path(), "./cmd/api");
    let error = quietly(&with_env(there(), "PATH", "/nonexistent")).unwrap_err();
    assert!(matches!(error, BuildError::NoGo { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--go"));

    let error = quietly(&with_env(there(), "CGO_ENABLED", "0")).unwrap_err();
    assert!(matches!(error, BuildError::CgoOff { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--cgo-for-race"));

    let error = quietly(&with_env(there(), "CC", "no-such-cc -m64")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot find the C compiler `no-such-cc`, which the race detector needs"
    );

    let error = quietly(&with_env(there(), "GOARCH", "386")).unwrap_err();
    assert!(matches!(error, BuildError::Platform { .. }), "{error}");

    let mut ours = there();
    ours.extra = vec!["-o=elsewhere".into()];
    let error = quietly(&ours).unwrap_err();
    assert_eq!(error.to_string(), "`-o=elsewhere` cannot be passed on to go build");
}

#[test]
fn cgo_may_be_on_for_the_race_build_alone() {
    let dir = api();
    let mut plan = with_env(plan(dir.path(), "./cmd/worker"), "CGO_ENABLED", "0");
    plan.cgo_for_race = true;
    let built = quietly(&plan).unwrap();
    assert!(!stamp(&normal(&built)).contains("CGO_ENABLED=1"));
    assert!(stamp(&race(&built)).contains("CGO_ENABLED=1"));
}

#[test]
fn an_old_go_is_refused_by_its_version() {
    let script = "#!/bin/sh\necho '{\"GOVERSION\":\"go1.20.14\",\"GOOS\":\"linux\",\
        \"GOARCH\":\"amd64\",\"GOEXE\":\"\",\"CGO_ENABLED\":\"1\",\"CC\":\"cc\",\"GOFLAGS\":\"\"}'\n";
    let dir = module(&[("go.mod", "module example.com/m\n"), ("go", script)]);
    let go = dir.path().join("go");
    fs::set_permissions(&go, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut plan = plan(dir.path(), ".");
    plan.go = Some(go);
    let error = quietly(&plan).unwrap_err().to_string();
    assert!(error.ends_with("is Go 1.20.14, and 1.21 is the oldest that works"), "{error}");
}

#[test]
fn a_commit_labels_the_build_and_changes_on_top_of_it_show() {
    let dir = api();
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let mut git = Command::new("git");
        let done = git.args(who).args(args).current_dir(dir.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let built = quietly(&plan(dir.path(), "./cmd/worker")).unwrap();
    let revision = &built.packages[0].revision;
    assert_eq!(revision.commit.as_deref(), Some(commit.as_str()));
    assert_eq!(revision.label().as_deref(), Some(&commit[..12]));
    fs::write(dir.path().join("cart/cart.go"), "package cart\n\nvar N int\n").unwrap();
    let built = quietly(&plan(dir.path(), "./cmd/worker")).unwrap();
    assert_eq!(built.packages[0].revision.label(), Some(format!("{}-dirty", &commit[..12])));
    assert_eq!(Sidecar::beside(&race(&built)).unwrap().revision, Some(commit));
}

#[test]
fn a_sidecar_of_another_build_is_not_believed() {
    let dir = api();
    let built = quietly(&plan(dir.path(), "./cmd/worker")).unwrap();
    let race = race(&built);
    assert!(Sidecar::beside(&race).is_some());
    let mut bytes = fs::read(&race).unwrap();
    bytes.push(0);
    fs::write(&race, bytes).unwrap();
    assert_eq!(Sidecar::beside(&race), None);
}
