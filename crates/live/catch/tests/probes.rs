//! Probes on ourselves: what they count, and when they give the alarm.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::hint::black_box;

use photofinish_sys::mappings;
use photofinish_sys::trace::{Probe, ProbeProgram, StopProgram};
use photofinish_testkit::may_catch;

#[inline(never)]
fn landing(number: u32) -> u32 {
    black_box(number) + 1
}

#[test]
fn a_probe_that_is_suddenly_reached_often_gives_the_alarm_until_it_is_silenced() {
    if !may_catch() {
        return;
    }
    let pid = std::process::id();
    let stop = StopProgram::load(pid).unwrap();
    let program = ProbeProgram::load(pid, &stop).unwrap();
    let address = landing as fn(u32) -> u32 as usize as u64;
    let mappings = mappings(pid).unwrap();
    let text = mappings.iter().find(|text| (text.start..text.end).contains(&address)).unwrap();
    let probe = Probe { offset: address - text.start + text.offset, number: 7 };
    let planted = program.plant(&[probe]).unwrap();
    let arrive = |times: u32| (0..times).for_each(|time| _ = black_box(landing(time)));

    arrive(5);
    assert!(!stop.is_alarmed(), "five are few");
    assert_eq!(stop.probe_arrivals(probe.number), 5);
    arrive(5);
    assert!(!stop.is_alarmed(), "they are counted from the last look");
    arrive(100);
    assert!(stop.take_alarm());
    assert!(!stop.is_alarmed(), "it was taken");
    assert_eq!(stop.probe_arrivals(probe.number), 105);
    arrive(100);
    assert!(stop.take_alarm(), "each time it was looked at, it may give another");
    stop.probe_arrivals(probe.number);
    stop.silence_probe(probe.number);
    arrive(100);
    assert!(!stop.is_alarmed(), "a silenced one gives none");
    assert_eq!(stop.probe_arrivals(probe.number), 100, "and counts");
    drop(planted);
    arrive(100);
    assert_eq!(stop.probe_arrivals(probe.number), 0);
}
