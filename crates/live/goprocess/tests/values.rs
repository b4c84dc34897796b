//! Arguments and locals of real Go programs, against what the programs themselves say they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::collections::BTreeMap;

use common::start;
use photofinish_goprocess::{Limits, Process, State, Values, Variable};
use photofinish_testkit::{BuildOptions, PINNED, Running, go_toolchain_version};

const STRIPPED: &str = "-ldflags=-s -w";
const UNOPTIMISED: &str = "-gcflags=all=-N -l";

/// Goroutine, function and variable.
type Name = (u64, String, String);

/// What the program said.
fn truth(running: &Running) -> BTreeMap<Name, String> {
    let output = running.output();
    let told = output.lines().filter_map(|line| line.strip_prefix("TRUTH "));
    told.map(|line| {
        let (head, value) = line.split_once(" = ").unwrap();
        let (id, rest) = head.split_once(' ').unwrap();
        let (function, name) = rest.rsplit_once(' ').unwrap();
        ((id.parse().unwrap(), function.to_owned(), name.to_owned()), value.to_owned())
    })
    .collect()
}

/// `main.(*list[go.shape.string]).wait` as the program spells it.
fn spelt(function: &str) -> String {
    match (function.find('['), function.rfind(']')) {
        (Some(open), Some(close)) => {
            format!("{}[...]{}", &function[..open], &function[close + 1..])
        }
        _ => function.to_owned(),
    }
}

/// What is read of the program's own functions.
fn seen(process: &Process, limits: Limits) -> BTreeMap<Name, Variable> {
    let snapshot = process.snapshot().unwrap();
    let values = Values::open(process, limits);
    let mut seen = BTreeMap::new();
    for goroutine in &snapshot.goroutines {
        let Some(read) = values.of(goroutine, |_| true) else { continue };
        for (pc, frames) in goroutine.stack.iter().zip(read) {
            for (frame, values) in process.frames(*pc).iter().zip(frames) {
                if !frame.function.starts_with("main.") {
                    continue;
                }
                for variable in values.variables {
                    let name = (goroutine.id, spelt(frame.function), variable.name.clone());
                    seen.insert(name, variable);
                }
            }
        }
    }
    seen
}

/// Whether what is shown is the truth, as far as it goes: a truth that ends in `…` is the beginning of one, and what is not
/// known may be anything.
fn agrees(shown: &Variable, truth: &str) -> bool {
    let (truth, is_beginning) = match truth.strip_suffix('…') {
        Some(beginning) => (beginning, true),
        None => (truth, false),
    };
    match shown.state {
        State::Gone => true,
        State::Partly => partly_agrees(&shown.text, truth),
        _ if is_beginning => shown.text.starts_with(truth),
        _ => shown.text == truth,
    }
}

/// Whether what is known around each `?` stands in the truth, in that order.
fn partly_agrees(shown: &str, truth: &str) -> bool {
    if let Some(rest) = shown.strip_prefix("? (len ") {
        let len: usize = rest.split(',').next().unwrap().parse().unwrap();
        return truth.len() == len + 2;
    }
    if shown.contains("(gone)") {
        return !truth.ends_with("nil");
    }
    let mut rest = truth;
    for (piece_idx, piece) in shown.split('?').enumerate() {
        let Some(at) = rest.find(piece) else { return false };
        if piece_idx == 0 && at != 0 {
            return false;
        }
        rest = &rest[at + piece.len()..];
    }
    true
}

/// Counts what was told and compares it; how many of the variables were shown whole.
fn check(options: &BuildOptions) -> (usize, usize) {
    let running = start("values", options);
    let process = Process::open(running.pid()).unwrap();
    let truth = truth(&running);
    assert!(truth.len() > 50, "{}", running.output());
    let seen = seen(&process, Limits::default());
    let mut wrong = Vec::new();
    let mut n_live = 0;
    let mut n_absent = 0;
    for (name, truth) in &truth {
        let Some(shown) = seen.get(name) else {
            // Where nothing was left of it but a number in the code.
            n_absent += 1;
            continue;
        };
        n_live += usize::from(shown.state == State::Live);
        if !agrees(shown, truth) {
            wrong.push(format!("{name:?} is {truth}, shown as {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{options:?}:\n{}", wrong.join("\n"));
    assert!(n_absent <= 2, "{options:?}: {n_absent} are not there at all");
    (n_live, truth.len())
}

#[test]
fn no_value_is_wrong_in_an_optimised_program() {
    let (n_live, n_all) = check(&BuildOptions::normal());
    assert!(n_live * 4 >= n_all * 3, "{n_live} of {n_all}");
}

#[test]
fn an_unoptimised_program_tells_nearly_everything() {
    let (n_live, n_all) = check(&BuildOptions::normal().flag(UNOPTIMISED));
    assert!(n_live + 4 >= n_all, "{n_live} of {n_all}");
}

#[test]
fn no_value_is_wrong_with_dwarf_4_and_older_maps() {
    let toolchain = go_toolchain_version("1.21");
    for options in [BuildOptions::normal(), BuildOptions::normal().flag(UNOPTIMISED)] {
        let (n_live, n_all) = check(&options.with(&toolchain));
        assert!(n_live * 4 >= n_all * 3, "{n_live} of {n_all}");
    }
}

#[test]
fn no_value_is_wrong_with_every_go() {
    if std::env::var_os("PHOTOFINISH_SOAK").is_none() {
        eprintln!("skipped: PHOTOFINISH_SOAK is not set");
        return;
    }
    for pinned in PINNED {
        let toolchain = go_toolchain_version(pinned.version);
        let pie = BuildOptions::normal().flag("-buildmode=pie");
        for options in [BuildOptions::normal(), BuildOptions::normal().flag(UNOPTIMISED), pie] {
            let (n_live, n_all) = check(&options.with(&toolchain));
            assert!(n_live * 4 >= n_all * 3, "{}: {n_live} of {n_all}", pinned.version);
        }
    }
}

#[test]
fn a_stripped_program_tells_the_words_that_its_own_traces_have() {
    let running = start("values", &BuildOptions::normal().flag(STRIPPED));
    let process = Process::open(running.pid()).unwrap();
    let snapshot = process.snapshot().unwrap();
    let values = Values::open(&process, Limits::default());
    let mut words = BTreeMap::new();
    for goroutine in &snapshot.goroutines {
        let read = values.of(goroutine, |_| true).unwrap_or_default();
        for (pc, frames) in goroutine.stack.iter().zip(read) {
            let name = process.frames(*pc).last().map(|frame| frame.function.to_owned());
            let told = frames.last().and_then(|frame| frame.words.clone());
            words.extend(name.zip(told));
        }
    }
    assert_eq!(words["main.inlines"], "0x15");
    assert_eq!(words["main.shares"], "0x5");
    assert!(words["main.numbers"].starts_with("0x1, 0xfb, 0xffff, 0xfffeee90, 0x8000000000000001"));
    assert!(words["main.texts"].contains(", 0xb}"), "{}", words["main.texts"]);
}
