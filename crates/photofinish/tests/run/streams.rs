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
fn a_flood_of_stderr_passes_intact_and_the_disk_is_given_back() {
    const MIB: usize = 12;
    let house = House::new();
    let waits: Vec<_> = (0..3).map(|n| house.path(&format!("go-on-{n}"))).collect();
    let mut words = Vec::new();
    for wait in &waits {
        words.extend([format!("flood={MIB}"), format!("await={}", wait.display())]);
    }
    words.push("races=3".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = house.run(&["--restart=no"], &words);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = run.stderr.take().unwrap();
    let flood = std::thread::spawn(move || count_lines(stderr));
    for (n, wait) in waits.iter().enumerate() {
        until("the flood", || written(&house) >= ((n + 1) * MIB) as u64 * (1 << 20));
        until("the disk to be given back", || on_disk(&house) < 6 << 20);
        std::fs::write(wait, "").unwrap();
    }
    wait_for("the end", || run.try_wait().unwrap());
    assert_eq!(flood.join().unwrap(), (3 * MIB) << 14);
    assert_eq!(house.counted(), 3);
}

/// Lines of the flood, each intact, and nothing else but our talk.
fn count_lines(mut stderr: impl Read) -> usize {
    let line = format!("{}\n", &"0123456789abcdef".repeat(4)[..63]);
    let mut bytes = Vec::new();
    stderr.read_to_end(&mut bytes).unwrap();
    let good = |got: &&[u8]| {
        let good = *got == line.as_bytes();
        assert!(good || got.starts_with(b"photofinish: "), "{:?}", text(got));
        good
    };
    bytes.split_inclusive(|byte| *byte == b'\n').filter(good).count()
}

fn logs(house: &House) -> Vec<std::fs::Metadata> {
    let files = house.runs().into_iter().flat_map(std::fs::read_dir);
    files.flatten().filter_map(|entry| entry.ok()?.metadata().ok()).collect()
}

fn written(house: &House) -> u64 {
    logs(house).iter().map(std::fs::Metadata::len).max().unwrap_or(0)
}

fn on_disk(house: &House) -> u64 {
    logs(house).iter().map(|log| log.blocks() * 512).sum()
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
