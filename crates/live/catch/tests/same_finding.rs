//! A race is one finding, whoever saw it: Go's detector in a race build, or we in an ordinary one.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says why")]

mod support;

use std::time::Duration;

use photofinish_model::{Fingerprint, Pattern, Race};
use photofinish_testkit::BuildOptions;
use support::{built, may_catch, races_in, reported, started, watched};

/// Catches the race of a shape, and sees that a race build reports the same one. Both, ours first.
fn same(shape: &str) -> (Race, Race) {
    let target = started(&built("shapes", &BuildOptions::normal()), &[shape]);
    let outcome = watched(&target, Duration::from_secs(50), |_| true);
    let caught = outcome.caught.first().unwrap_or_else(|| panic!("{shape}: {:?}", outcome.effort));
    let wanted = Fingerprint::of(&caught.race);
    let reports = reported(&built("shapes", &BuildOptions::race()), &[shape], &wanted);
    let Some(report) = reports.iter().find(|report| Fingerprint::of(report) == wanted) else {
        let theirs: String = reports.iter().map(|report| report.raw.as_str()).collect();
        panic!("{shape}: ours\n{}\nand theirs\n{theirs}", caught.race.raw);
    };
    // The text says the same as the race.
    let [read] = &races_in(&caught.race.raw)[..] else { panic!("{}", caught.race.raw) };
    assert_eq!(Fingerprint::of(read), wanted, "{}", caught.race.raw);
    assert_eq!(read.accesses.len(), 2);
    for (read, meant) in read.accesses.iter().zip(&caught.race.accesses) {
        assert_eq!((read.address, read.op.is_write()), (meant.address, meant.op.is_write()));
        assert_eq!((read.goroutine, read.state), (meant.goroutine, meant.state));
        assert_eq!(read.stack.frames.len(), meant.stack.frames.len());
        assert_eq!(read.created_at.frames.len(), meant.created_at.frames.len());
    }
    (caught.race.clone(), report.clone())
}

fn location(race: &Race) -> &str {
    race.location.as_ref().map_or("", |location| &location.description)
}

#[test]
fn a_variable_is_named() {
    if may_catch() {
        let (race, _) = same("inlined");
        let location = location(&race);
        assert!(location.starts_with("global 'main.shared' of size 584 at "), "{race:#?}");
        assert!(location.ends_with(": hits of main.tally"), "{location}");
        assert!(race.accesses.iter().all(|access| access.stack.frames[0].inlined));
    }
}

#[test]
fn two_words_on_the_heap_are_one_race() {
    if may_catch() {
        let (race, _) = same("words");
        let location = location(&race);
        assert!(location.starts_with("heap block of size 640 at "), "{race:#?}");
        // Where no variable of a frame points at the object, its type is not known.
        let is_field = |field: &str| location.ends_with(&format!(": {field} of main.tally"));
        let is_plain = location.ends_with(" bytes in");
        assert!(is_field("last") || is_field("label") || is_plain, "{location}");
    }
}

#[test]
fn a_large_assignment_is_where_the_user_wrote_it() {
    if may_catch() {
        same("block");
    }
}

#[test]
fn a_copy_made_by_the_runtime_is_its_callers() {
    if may_catch() {
        same("copy");
    }
}

#[test]
fn wrappers_of_the_compiler_are_nobodys_code() {
    if may_catch() {
        same("bound");
        same("promoted");
    }
}

#[test]
fn generic_functions_have_one_name() {
    if may_catch() {
        same("generic");
    }
}

#[test]
fn an_atomic_instruction_is_the_function_that_it_came_from() {
    if !may_catch() {
        return;
    }
    // A race build loses the frame between, `main.bump`: it is the same pattern there, but not the same place.
    let target = started(&built("shapes", &BuildOptions::normal()), &["mixed"]);
    let outcome = watched(&target, Duration::from_secs(50), |_| true);
    let race = &outcome.caught.first().unwrap_or_else(|| panic!("{:?}", outcome.effort)).race;
    assert_eq!(Pattern::of(race), Pattern::MixedAtomic);
    let atomic = race.accesses.iter().find(|access| access.op.is_atomic()).unwrap();
    let names: Vec<&str> =
        atomic.stack.frames.iter().take(2).map(|frame| frame.function.as_str()).collect();
    assert_eq!(names, ["sync/atomic.AddInt32", "main.bump"]);
}

#[test]
fn a_library_type_is_told_by_its_user() {
    if may_catch() {
        same("buffer");
    }
}
