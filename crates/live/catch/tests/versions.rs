//! Every Go whose runtime is known, built in every way that programs are shipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says why")]

mod support;

use std::time::Duration;

use photofinish_model::Pattern;
use photofinish_testkit::{BuildOptions, go_toolchain_version};
use support::{built, may_catch, started, texts, watched, watched_till_caught};

/// The race of `shape` is caught, with these functions innermost; and nothing is reported of a correct program.
fn told(options: &BuildOptions, shape: &str, functions: [&str; 2]) -> Pattern {
    let program = built("shapes", options);
    let outcome = watched_till_caught(|| started(&program, &[shape]), Duration::from_secs(50));
    let race = match outcome.caught.first() {
        Some(caught) => &caught.race,
        None => panic!("{options:?} {shape}: {:?}", outcome.effort),
    };
    for access in &race.accesses {
        let names: Vec<&str> =
            access.stack.frames.iter().map(|frame| frame.function.as_str()).collect();
        let is_there = functions.iter().any(|function| names.contains(function));
        assert!(is_there, "{options:?} {shape}: {names:?}");
        assert!(access.goroutine.is_some() && !access.created_at.frames.is_empty());
    }
    assert!(race.location.is_some(), "{options:?} {shape}");
    let parts = ["mutex", "atomics", "maps", "grown", "publication", "interfaces"];
    let target = started(&built("ordered", options), &parts);
    let outcome = watched(&target, Duration::from_secs(3), |_| true);
    assert_eq!(texts(&outcome), "", "{options:?}");
    Pattern::of(race)
}

#[test]
fn the_oldest_go_is_watched_stripped() {
    if !may_catch() {
        return;
    }
    let oldest = go_toolchain_version("1.21");
    let options = BuildOptions::normal().with(&oldest).flag("-ldflags=-s -w");
    told(&options, "plain", ["main.first", "main.second"]);
    let pattern = told(&options, "mapdelete", ["runtime.mapdelete", "runtime.mapaccess1"]);
    assert_eq!(pattern, Pattern::ConcurrentMap);
}

#[test]
fn the_newest_go_is_watched_wherever_it_is_loaded() {
    if !may_catch() {
        return;
    }
    let newest = go_toolchain_version("1.27");
    let options = BuildOptions::normal().with(&newest).flag("-buildmode=pie");
    told(&options, "words", ["main.get", "main.set"]);
    let pattern = told(&options, "mapdelete", ["runtime.mapdelete", "runtime.mapaccess1"]);
    assert_eq!(pattern, Pattern::ConcurrentMap);
}

#[test]
fn a_program_linked_with_c_by_another_linker_is_watched() {
    if !may_catch() {
        return;
    }
    let options = BuildOptions::normal().flag("-ldflags=-linkmode=external");
    told(&options, "append", ["main.grow", "main.grow"]);
}

#[test]
fn maps_of_the_old_kind_are_watched_where_a_newer_go_was_told_to_keep_them() {
    if !may_catch() {
        return;
    }
    let toolchain = go_toolchain_version("1.25");
    let mut options = BuildOptions::normal().with(&toolchain);
    options.env.push(("GOEXPERIMENT".to_owned(), "noswissmap".to_owned()));
    let pattern = told(&options, "mapdelete", ["runtime.mapdelete", "runtime.mapaccess1"]);
    assert_eq!(pattern, Pattern::ConcurrentMap);
}

#[test]
#[ignore = "takes many minutes: run it when catch or the list of versions changes"]
fn every_go_is_watched_in_every_build() {
    if !may_catch() {
        return;
    }
    for pinned in photofinish_testkit::PINNED {
        let toolchain = go_toolchain_version(pinned.version);
        for flags in
            [&[][..], &["-ldflags=-s -w"], &["-buildmode=pie"], &["-ldflags=-linkmode=external"]]
        {
            let mut options = BuildOptions::normal().with(&toolchain);
            options.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
            told(&options, "plain", ["main.first", "main.second"]);
            told(&options, "copy", ["main.fill", "main.copied"]);
            // The writer is in the map's function, or stores into the place that it gave.
            told(&options, "mapstruct", ["main.both.func1", "main.probe"]);
            eprintln!("{} {flags:?}: as told", pinned.version);
        }
    }
}
