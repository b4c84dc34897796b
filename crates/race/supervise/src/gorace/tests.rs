use super::{Copy, Gorace, GoraceError};
use std::path::{Path, PathBuf};

fn decide(user: &str) -> Result<Gorace, GoraceError> {
    Gorace::decide(user, Path::new("/spool/race.1"))
}

#[test]
fn without_wishes_reports_go_to_the_spool_and_nothing_halts() {
    assert_eq!(decide("").unwrap().to_string(), "log_path=/spool/race.1 halt_on_error=0");
}

#[test]
fn the_users_options_stay_whatever_separates_them() {
    let gorace = decide("exitcode=7,halt_on_error=1: strip_path_prefix='/a b/'").unwrap();
    assert_eq!(
        gorace.to_string(),
        "exitcode=7 halt_on_error=1 strip_path_prefix=\"/a b/\" log_path=/spool/race.1"
    );
    assert!(gorace.halts());
    assert_eq!(gorace.exit_code(), 7);
}

#[test]
fn the_users_log_path_becomes_a_copy() {
    assert_eq!(decide("log_path=stderr").unwrap().copy, Copy::Stderr);
    assert_eq!(decide("log_path=/x/y").unwrap().copy, Copy::Path(PathBuf::from("/x/y")));
}

#[test]
fn a_value_that_would_end_the_program_is_refused() {
    for bad in ["history_size=abc", "halt_on_error=2", "history_size=0x10", "history_size=-1"] {
        assert!(matches!(decide(bad), Err(GoraceError::BadValue { .. })), "{bad}");
    }
    assert!(matches!(decide("history_size"), Err(GoraceError::NoValue { .. })));
    assert!(matches!(decide("log_path='/x"), Err(GoraceError::OpenQuote { .. })));
}

#[test]
fn an_unknown_name_is_told_and_passed_on() {
    let gorace = decide("histroy_size=5").unwrap();
    assert_eq!(gorace.unknown, ["histroy_size"]);
    assert!(gorace.to_string().contains("histroy_size=5"));
}
