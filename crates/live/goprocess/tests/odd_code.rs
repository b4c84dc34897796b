//! Stacks through code that is not as Go's compiler makes it: a plugin's, with a function table of its own, and assembly.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::process::Command;

use photofinish_goprocess::{Process, StackEnd};
use photofinish_testkit::{BuildOptions, Running, build_go, wait_for, workspace_root};

#[test]
fn a_stack_through_a_plugin_is_whole_and_its_functions_have_names() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        // It takes a minute to build: all of the standard library once more.
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    let folder = workspace_root().join("crates/live/goprocess/tests/programs/plugged");
    let mut options = BuildOptions::normal();
    options.env.push(("CGO_ENABLED".to_owned(), "1".to_owned()));
    let program = build_go(&folder, &options);
    let mut options = options.flag("-buildmode=plugin");
    options.package = Some("./part".to_owned());
    let plugin = build_go(&folder, &options);

    let running = Running::start(Command::new(program).arg(plugin));
    let refused = wait_for(common::PATIENCE, "the program", || {
        let output = running.output();
        let is_ready = output.contains("READY");
        (is_ready || output.contains("REFUSED")).then_some(!is_ready)
    });
    assert!(!refused, "{}", running.output());

    assert_eq!(stack_from_wait(&running)[..3], ["wait", "twice", "Through"]);
}

#[test]
fn a_stack_through_assembly_without_a_frame_is_whole() {
    let running = common::start("assembled", &BuildOptions::normal().flag("-ldflags=-s -w"));
    assert_eq!(stack_from_wait(&running)[..3], ["wait", "through", "func1"]);
}

/// The functions, without their packages, of the goroutine that is in `wait`, from there on; its stack is whole.
fn stack_from_wait(running: &Running) -> Vec<String> {
    let process = Process::open(running.pid()).unwrap();
    let snapshot = process.snapshot().unwrap();
    for found in &snapshot.goroutines {
        let frames = found.stack.iter().flat_map(|pc| process.frames(*pc));
        let names = frames.map(|frame| frame.function.rsplit('.').next().unwrap().to_owned());
        let names: Vec<String> = names.skip_while(|name| name != "wait").collect();
        if !names.is_empty() {
            assert_eq!(found.stack_end, StackEnd::Complete, "{names:?}");
            return names;
        }
    }
    panic!("nobody waits: {:?}", snapshot.goroutines);
}
