//! Fetching a toolchain, which takes the network and 70 MB: only with PHOTOFINISH_SOAK=1, or
//! where `go` is not on PATH and everything else fetches one too.

use photofinish_testkit::{BuildOptions, PINNED, build_go_source, go_toolchain_version};

#[test]
fn every_pinned_go_builds_a_race_program() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    for pinned in PINNED {
        let toolchain = go_toolchain_version(pinned.version);
        let source =
            "package main\n\nimport \"runtime\"\n\nfunc main() { print(runtime.Version()) }\n";
        let binary = build_go_source("version", source, &BuildOptions::race().with(&toolchain));
        let output = std::process::Command::new(binary).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("go{}", pinned.version));
    }
}

#[test]
fn two_threads_that_want_the_same_version_get_the_same() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| go_toolchain_version("1.25"))).collect();
    let toolchains: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(toolchains.iter().all(|toolchain| *toolchain == toolchains[0]));
}
