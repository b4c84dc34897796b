//! The program's stdout and stderr, which are its own.

use crate::support::{House, child_of, finish, text, until, wait_for};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

#[test]
fn what_the_program_says_comes_out_as_it_is() {
    let house = House::new();
    let output = finish(&mut house.run(&[], &["out=to stdout", "say=to stderr", "races=1"]));
    assert_eq!(text(&output.stdout), "to stdout\n");
    let program: String = text(&output.stderr)
        .lines()
        .filter(|line| !line.starts_with("photofinish: "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(program, "to stderr\n");
}

#[test]
fn a_flood_of_stderr_passes_intact_and_does_not_fill_the_disk() {
    const MIB: usize = 48;
    let house = House::new();
    let mut command = house.run(&["--restart=no"], &[&format!("flood={MIB}"), "races=3"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = run.stderr.take().unwrap();
    let flood = std::thread::spawn(move || {
        let line = format!("{}\n", &"0123456789abcdef".repeat(4)[..63]);
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).unwrap();
        let mut good = 0;
        for got in bytes.split_inclusive(|byte| *byte == b'\n') {
            if got == line.as_bytes() {
                good += 1;
            } else {
                assert!(got.starts_with(b"photofinish: "), "{:?}", text(got));
            }
        }
        good
    });
    let mut most = 0;
    wait_for("the end", || {
        let files = house.runs().into_iter().flat_map(|run| std::fs::read_dir(run).into_iter());
        let used: u64 = files
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.blocks() * 512))
            .sum();
        most = most.max(used);
        run.try_wait().unwrap()
    });
    assert_eq!(flood.join().unwrap(), MIB << 14);
    assert_eq!(house.counted(), 3);
    assert!(most > 0, "it was never looked at");
    // How far the program gets ahead of us depends on the machine; that it is given back does not.
    assert!(most < (MIB as u64) << 20, "{} MiB on disk", most >> 20);
}

#[test]
fn a_reader_of_our_stderr_that_goes_away_does_not_hurt_the_program() {
    let house = House::new();
    let mut command = house.run(&["--restart=no"], &["say=a", "flood=2", "races=2", "exit=5"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(run.stderr.take());
    let status = wait_for("the end", || run.try_wait().unwrap());
    assert_eq!(status.code(), Some(5));
    assert_eq!(house.counted(), 2);
}

#[test]
fn logs_that_are_rotated_under_our_eyes_are_read_on() {
    let house = House::new();
    let mut command = house.run(&["--keep-spool"], &["races=10", "sleep=1500", "races=0"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the first ten", || house.counted() == 10);
    let pid = child_of(run.id()).unwrap();
    let file = house.runs()[0].join(format!("race.1.{pid}"));
    // Renamed: the same file under another name is not read twice.
    std::fs::rename(&file, file.with_extension("old")).unwrap();
    run.wait().unwrap();
    house.next_run();
    assert_eq!(house.counted(), 10);
}
