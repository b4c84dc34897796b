//! The file: several processes at once, killed writers, foreign, torn, newer, full and read-only.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::{empty_store, race, sighting};
use photofinish_store::{Filter, Store, StoreError};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CHILD: &str = "PHOTOFINISH_STORE_TEST_CHILD";

/// Not a test by itself: what the processes of the tests below run, `file|name|count|batch`.
#[test]
fn child_process() {
    if let Ok(task) = std::env::var(CHILD) {
        common::record(&task, |store, sightings| drop(store.record_all(sightings).unwrap()));
    }
}

fn child(path: &Path, name: &str, count: usize, batch: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CHILD, format!("{}|{name}|{count}|{batch}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn counts(path: &Path) -> Vec<u64> {
    let findings = Store::open(path).unwrap().findings(&Filter::default()).unwrap();
    let mut counts: Vec<u64> = findings.iter().map(|finding| finding.count).collect();
    counts.sort_unstable();
    counts
}

fn integrity(path: &Path) -> String {
    rusqlite::Connection::open(path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn eight_processes_that_make_the_file_and_write_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("findings.db");
    // Two by two they deliver the same keys, as a spool and a live delivery might.
    let children: Vec<Child> =
        (0..8).map(|i| child(&path, &format!("p{}", i / 2), 300, [1, 7, 50][i % 3])).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(counts(&path), [400, 400, 400]);
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn what_a_killed_process_had_recorded_is_there_and_counts_once_when_delivered_again() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("findings.db");
    for round in 1..=10 {
        let mut victim = child(&path, "victim", 6_000, 3);
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let recorded =
            lines.by_ref().map(Result::unwrap).filter(|line| line.starts_with("recorded"));
        let seen = recorded.take(round * 7).count();
        victim.kill().unwrap();
        victim.wait().unwrap();
        let told = seen + lines.map_while(Result::ok).filter(|l| l.starts_with("recorded")).count();
        assert!(counts(&path).iter().sum::<u64>() >= 3 * told as u64, "round {round}");
    }
    assert!(child(&path, "victim", 6_000, 500).wait_with_output().unwrap().status.success());
    assert_eq!(counts(&path), [2_000, 2_000, 2_000]);
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn a_file_that_is_something_else_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "buy milk\n".repeat(1_000)).unwrap();
    let error = Store::open(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} does not hold findings: it is not a SQLite database", text.display())
    );
    assert!(error.hint().is_some());
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "buy milk\n".repeat(1_000));

    let other = dir.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE milk (id INTEGER)").unwrap();
    let before = std::fs::read(&other).unwrap();
    let error = Store::open(&other).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&other).unwrap(), before);
    assert!(matches!(Store::open(dir.path()).unwrap_err(), StoreError::Database { .. }));
}

#[test]
fn a_file_of_a_newer_photofinish_is_refused() {
    let kept = empty_store();
    let path = kept.store.place().file().unwrap().to_owned();
    drop(kept.store);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.hint().unwrap().contains("update"));
    assert!(matches!(Store::open_existing(&path).unwrap_err(), StoreError::Newer { .. }));
}

#[test]
fn a_missing_file_is_not_made_by_looking_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("findings.db");
    let error = Store::open_existing(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_torn_file_gives_an_error_and_no_panic() {
    let mut kept = empty_store();
    for i in 0..200 {
        let race = race(&format!("{i}"));
        kept.store.record(&sighting(&format!("{i}"), &race)).unwrap();
    }
    let path = kept.store.place().file().unwrap().to_owned();
    drop(kept.store);
    let whole = std::fs::read(&path).unwrap();
    let mut errors = 0;
    for length in (0..whole.len()).step_by(1_777) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let outcome = Store::open(&path).and_then(|store| store.findings(&Filter::default()));
        match outcome {
            Ok(findings) => assert!(length == 0 && findings.is_empty(), "cut at {length}"),
            Err(error) => errors += usize::from(!error.to_string().is_empty()),
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
    assert!(errors > 10);
    let mut scribbled = whole.clone();
    scribbled[4_096..12_288].fill(0xa5);
    std::fs::write(&path, scribbled).unwrap();
    let outcome = Store::open(&path).and_then(|store| store.findings(&Filter::default()));
    let error = outcome.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("recover"));
}

#[test]
fn a_full_disk_refuses_a_batch_whole_and_takes_it_later() {
    let mut kept = empty_store();
    let first = race("First");
    kept.store.record(&sighting("first", &first)).unwrap();
    let path = kept.store.place().file().unwrap().to_owned();
    let races: Vec<_> = (0..300).map(|i| race(&format!("{i}"))).collect();
    let keys: Vec<String> = (0..300).map(|i| format!("{i}")).collect();
    let batch: Vec<_> = keys.iter().zip(&races).map(|(key, race)| sighting(key, race)).collect();
    kept.store.limit_pages(40).unwrap();
    let error = kept.store.record_all(&batch).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("free some space"));
    assert_eq!(counts(&path), [1], "what was there is there, of the batch nothing");
    kept.store.limit_pages(4_000_000).unwrap();
    let recorded = kept.store.record_all(&batch).unwrap();
    assert!(recorded.iter().all(|recorded| recorded.new));
    assert_eq!(counts(&path).len(), 301);
}

#[test]
fn a_really_full_disk_loses_nothing_either() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=400k", "tmpfs"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting a small disk takes the SYS_ADMIN capability");
        return;
    }
    let filled = fill(&disk.join("findings.db"));
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    let (recorded, error, counted) = filled;
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert_eq!(recorded, counted);
}

/// Records until the disk is full: how many were taken, the error, and how many are then there.
fn fill(path: &Path) -> (usize, StoreError, usize) {
    let mut store = Store::open(path).unwrap();
    let mut recorded = 0;
    let error = loop {
        let race = race(&format!("{recorded}"));
        match store.record(&sighting(&format!("{recorded}"), &race)) {
            Ok(_) => recorded += 1,
            Err(error) => break error,
        }
    };
    let counted = store.findings(&Filter::default()).unwrap().len();
    (recorded, error, counted)
}

#[test]
fn findings_on_a_disk_that_is_read_only_can_be_read() {
    let mut kept = empty_store();
    let first = race("First");
    kept.store.record(&sighting("first", &first)).unwrap();
    let folder = kept.store.place().file().unwrap().parent().unwrap().to_owned();
    let path = kept.store.place().file().unwrap().to_owned();
    drop(kept.store);
    let bind = |args: &[&str]| {
        let status = Command::new("mount").args(args).arg(&folder).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let source = folder.display().to_string();
    if !(bind(&["--bind", &source]) && bind(&["-o", "remount,bind,ro"])) {
        eprintln!("skipped: making a disk read-only takes the SYS_ADMIN capability");
        return;
    }
    let read = Store::open_existing(&path).and_then(|store| store.findings(&Filter::default()));
    let written = Store::open_existing(&path).and_then(|mut s| s.record(&sighting("b", &first)));
    assert!(Command::new("umount").arg(&folder).status().unwrap().success());
    assert_eq!(read.unwrap().len(), 1);
    let error = written.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}

#[test]
#[ignore = "a measurement: cargo test --release -p photofinish-store -- --ignored --nocapture"]
fn a_batch_of_sightings_is_recorded_fast() {
    let mut kept = empty_store();
    let mut races: Vec<_> = (0..50).map(|i| race(&format!("{i}"))).collect();
    races.iter_mut().for_each(|race| race.raw = "x".repeat(2_500));
    let keys: Vec<String> = (0..20_000).map(|i| format!("host/pid/{i:08}")).collect();
    let start = std::time::Instant::now();
    for keys in keys.chunks(500) {
        let batch: Vec<_> =
            keys.iter().enumerate().map(|(i, key)| sighting(key, &races[i % 50])).collect();
        kept.store.record_all(&batch).unwrap();
    }
    let per_second = keys.len() as f64 / start.elapsed().as_secs_f64();
    println!("{per_second:.0} sightings/s");
    let singles = std::time::Instant::now();
    for i in 0..200 {
        kept.store.record(&sighting(&format!("single {i}"), &races[0])).unwrap();
    }
    println!("{:.0} single sightings/s", 200.0 / singles.elapsed().as_secs_f64());
    let list = std::time::Instant::now();
    assert_eq!(kept.store.findings(&Filter::default()).unwrap().len(), 50);
    println!("{:?} to read 50 findings", list.elapsed());
}
