//! How programs end, and what becomes of it.

use crate::support::{House, finish, plain, text};
use photofinish_model::Kind;

fn status(house: &House, flags: &[&str], words: &[&str]) -> Option<i32> {
    finish(&mut house.run(flags, words)).status.code()
}

#[test]
fn the_programs_exit_status_is_ours() {
    let house = House::new();
    assert_eq!(status(&house, &[], &["exit=0"]), Some(0));
    assert_eq!(status(&house, &[], &["exit=1"]), Some(1));
    assert_eq!(status(&house, &[], &["races=1"]), Some(66));
    assert_eq!(status(&house, &["--restart=no"], &["kill=9"]), Some(137));
    assert_eq!(status(&house, &["--restart=no"], &["map"]), Some(2));
}

#[test]
fn races_of_the_program_and_of_its_children_are_stored() {
    let house = House::new();
    finish(&mut house.run(&[], &["races=3", "child", "races=4"]));
    assert_eq!(house.counted(), 7);
    assert!(house.runs().is_empty(), "nothing is left in the spool");
}

#[test]
fn a_fatal_error_is_stored_before_the_next_start() {
    let house = House::new();
    let once = format!("once={}", house.path("first").display());
    let flags = ["--restart-pause=10ms"];
    let output = finish(&mut house.run(&flags, &[&once, "map"]));
    let talk = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "the second start ends well: {talk}");
    let found = talk.find("concurrent map writes: main.mapFatal").expect(&talk);
    let again = talk.find("(start 2)").expect(&talk);
    assert!(found < again, "{talk}");
    assert!(house.kinds().contains(&Kind::ConcurrentMap));
}

#[test]
fn a_panic_is_a_finding_of_its_own_and_the_crash_loop_ends() {
    let house = House::new();
    let flags = ["--restart-pause=1ms", "--max-restarts=2"];
    let output = finish(&mut house.run(&flags, &["panic=boom"]));
    let talk = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{talk}");
    assert_eq!(house.counted(), 3, "three starts, three panics: {talk}");
    assert!(talk.contains("gave up after 3"), "{talk}");
}

#[test]
fn an_orderly_end_with_races_is_no_crash() {
    let house = House::new();
    let output = finish(&mut house.run(&[], &["races=2"]));
    assert_eq!(output.status.code(), Some(66));
    assert!(!text(&output.stderr).contains("restart in"));
}

#[test]
fn halt_on_error_of_the_users_own_is_kept_and_counts_as_a_crash() {
    let house = House::new();
    let mut command = house.run(&["--restart-pause=1ms", "--max-restarts=1"], &["races=9"]);
    let output = finish(command.env("GORACE", "halt_on_error=1 exitcode=7"));
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(house.counted(), 2, "{}", text(&output.stderr));
}

#[test]
fn the_users_log_path_gets_a_copy() {
    let house = House::new();
    let copies = house.path("copies/race");
    let gorace = format!("log_path={}", copies.display());
    finish(house.run(&[], &["races=2"]).env("GORACE", gorace));
    assert_eq!(house.counted(), 2);
    let copy = std::fs::read_dir(house.path("copies")).unwrap().next().unwrap().unwrap().path();
    let copied = std::fs::read_to_string(copy).unwrap();
    assert_eq!(copied.matches("WARNING: DATA RACE").count(), 2);
    assert!(copied.ends_with("Found 2 data race(s)\n"));

    let output = finish(house.run(&[], &["races=2"]).env("GORACE", "log_path=stderr"));
    assert_eq!(text(&output.stderr).matches("WARNING: DATA RACE").count(), 2);
    assert_eq!(house.counted(), 4, "the copy on stderr is not counted again");
}

#[test]
fn a_bad_gorace_is_refused_before_the_start() {
    let house = House::new();
    let output = finish(house.run(&[], &["out=started"]).env("GORACE", "history_size=abc"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let talk = text(&output.stderr);
    assert!(talk.contains("history_size=abc") && talk.contains("try: "), "{talk}");
}

#[test]
fn what_cannot_be_run_says_so_as_a_shell_would() {
    let house = House::new();
    let output = finish(house.command(&[]).args(["--", "./none"]));
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("go build -race"), "{}", text(&output.stderr));
    std::fs::write(house.path("notes.txt"), "x").unwrap();
    let output = finish(house.command(&[]).args(["--", "./notes.txt"]));
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).contains("chmod +x"), "{}", text(&output.stderr));
}

#[test]
fn a_build_without_race_runs_with_a_warning() {
    let house = House::new();
    let output = finish(house.command(&[]).arg("--").arg(plain()).arg("exit=3"));
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("no race build"), "{}", text(&output.stderr));
}

#[test]
fn traces_show_all_goroutines_unless_the_user_says_otherwise() {
    let house = House::new();
    let own = finish(&mut house.run(&[], &["env=GOTRACEBACK"]));
    assert!(text(&own.stderr).contains("\nall\n"), "{}", text(&own.stderr));
    let users = finish(house.run(&[], &["env=GOTRACEBACK"]).env("GOTRACEBACK", "system"));
    assert!(text(&users.stderr).contains("\nsystem\n"), "{}", text(&users.stderr));
}
