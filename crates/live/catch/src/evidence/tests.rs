#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::process::Command;
use std::time::Duration;

use photofinish_goprocess::{LinkAddr, Process, Range, RuntimeAddr};
use photofinish_sys::trace::{Hit, Register, Registers};
use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::decode::{Found, scan};
use crate::maps;
use crate::race::race_of;
use crate::target::Target;

/// A program to look at.
fn program() -> (Running, Process) {
    let binary = build_go(workspace_root().join("corpus/shapes"), &BuildOptions::normal());
    let running = Running::start(Command::new(binary).arg("plain"));
    running.wait_for_line(Duration::from_secs(60), "READY");
    let process = Process::open(running.pid()).unwrap();
    (running, process)
}

/// The sites of a function.
fn sites(process: &Process, name: &str) -> Vec<Site> {
    let function = process.symbols().named(name).unwrap();
    let code = code(process, function.entry, function.end).unwrap();
    let found = scan(&code, function.entry.0).into_iter();
    let access = found.filter_map(|(at, found)| match found {
        Found::Access(access) => {
            Some(Site { address: LinkAddr(at), kind: SiteKind::Access(access) })
        }
        Found::Call(_) => None,
    });
    let (op, argument) = maps::operation("runtime.mapassign").unwrap();
    let kind = SiteKind::Map { function: "runtime.mapassign".to_owned(), op, argument };
    access.chain([Site { address: function.entry, kind }]).collect()
}

/// Numbers that registers and stacks may hold: anything, and what means something in the program.
fn words(process: &Process) -> impl Strategy<Value = u64> + Clone + use<> {
    let text: Vec<u64> = process
        .symbols()
        .functions()
        .flat_map(|function| [function.entry.0, function.end.0])
        .map(|at| LinkAddr(at).loaded(process.bias()).0)
        .collect();
    let (low, high) = (text[0], text[text.len() - 1]);
    prop_oneof![
        any::<u64>(),
        low..high,
        proptest::sample::select(text),
        0xc0_0000_0000..0xc0_0040_0000_u64,
        Just(0),
        Just(u64::MAX),
    ]
}

fn registers_of(words: &[u64], ip: u64) -> Registers {
    let mut registers = Registers::default();
    registers.ip = ip;
    for (register, word) in Register::ALL.into_iter().zip(words) {
        registers.set(register, *word);
    }
    registers
}

#[test]
fn whatever_a_hit_says_it_is_judged_without_harm() {
    let (_running, process) = program();
    let judge = Judge { process: &process };
    let sites: Vec<Site> = ["main.set", "main.first", "main.load", "main.(*tally).add"]
        .into_iter()
        .flat_map(|name| sites(&process, name))
        .collect();
    let word = words(&process);
    let inputs = (
        proptest::sample::select(sites),
        proptest::collection::vec(word.clone(), 34),
        proptest::collection::vec(word.clone(), 0..20),
        proptest::collection::vec(word, 0..40),
        any::<bool>(),
    );
    let mut runner = TestRunner::new(Config { cases: 400, ..Config::default() });
    let flag_word = maps::flag_word(Some(26), "");
    let judged =
        |(site, words, callers, stack, writes): (Site, Vec<u64>, Vec<u64>, Vec<u64>, bool)| {
            let registers = registers_of(&words, words[32]);
            let mut random = fastrand::Rng::with_seed(words[0]);
            let target = judge.target(&site, &registers, flag_word, &mut random);
            let op = if writes { Op::Write } else { Op::Read };
            let target = target.unwrap_or(Target {
                address: words[1],
                size: Some(8),
                op,
                watched: (words[1] & !7, 8),
            });
            let held = Held {
                tid: 1,
                site,
                address: target.address,
                size: target.size,
                op: target.op,
                watched: target.watched,
                registers,
                goroutine: judge.owner(&registers),
                callers: callers
                    .iter()
                    .map(|at| Pc { address: RuntimeAddr(*at), kind: PcKind::Return })
                    .collect(),
            };
            let hit = Hit {
                tid: 2,
                registers: registers_of(&words[16..], words[33]),
                callers,
                stack: stack.iter().flat_map(|word| word.to_le_bytes()).collect(),
                ..Hit::default()
            };
            if let Some(other) = judge.verdict(&held, &hit) {
                prop_assert!(other.touch.op.is_write() || held.op.is_write());
                prop_assert!(!other.touch.callers.is_empty());
                let race = race_of(&process, &held, &other);
                prop_assert_eq!(race.accesses.len(), 2);
            }
            Ok(())
        };
    runner.run(&inputs, judged).unwrap();
}

#[test]
fn a_goroutine_is_believed_if_it_stands_on_its_own_stack() {
    let (_running, process) = program();
    let judge = Judge { process: &process };
    let snapshot = process.snapshot().unwrap();
    let parked = snapshot.goroutines.iter().find(|goroutine| goroutine.id > 1).unwrap();
    let layout = process.layout();
    let field = |field: u16| {
        let address = parked.address.0 + u64::from(field);
        let mut bytes = [0; 8];
        process.memory().read_many(&[Range { address, len: 8 }], &mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    };
    let (low, high) = (field(layout.g_stack_lo), field(layout.g_stack_hi));
    let mut registers = Registers::default();
    registers.set(Register::R14, parked.address.0);
    registers.set(Register::Rsp, high - 64);
    let owner = judge.owner(&registers).unwrap();
    assert_eq!(owner.id, parked.id);
    assert!(owner.is_on_stack(low) && owner.is_on_stack(high - 1) && !owner.is_on_stack(high));
    assert!(!process.frames(Pc { address: owner.created_at, kind: PcKind::Return }).is_empty());
    registers.set(Register::Rsp, high);
    assert_eq!(judge.owner(&registers), None, "on the stack of the thread");
    registers.set(Register::R14, 7);
    assert_eq!(judge.owner(&registers), None);
}
