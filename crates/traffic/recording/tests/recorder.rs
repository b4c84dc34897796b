//! Recording on real files: what is kept, what is dropped and counted, and what a full disk or a
//! SIGKILL leaves behind.

#![expect(clippy::unwrap_used, reason = "a failed step of a test should fail the test")]

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use photofinish_recording::{
    Counts, Dropped, Exchange, Index, Plan, Recorded, Recorder, Recording, Redaction, StartError,
    WhenFull,
};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn plan(path: &Path) -> Plan {
    Plan {
        path: path.to_owned(),
        max_bytes: 1 << 30,
        when_full: WhenFull::Stop,
        max_body: 1 << 20,
        max_queued: 64 << 20,
        redaction: Redaction::default(),
    }
}

fn exchange(number: u64, body: &[u8]) -> Exchange {
    Exchange {
        arrived: Instant::now(),
        took: Duration::from_micros(number),
        connection: number,
        version: Version::HTTP_11,
        method: Method::POST,
        uri: format!("/r/{number}").parse().unwrap(),
        headers: HeaderMap::new(),
        body: vec![Bytes::copy_from_slice(body)],
        status: Some(200),
    }
}

fn read(path: &Path) -> Vec<Recorded> {
    Recording::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn dropped(counts: &Counts) -> Vec<(Dropped, u64)> {
    let all = Dropped::ALL.into_iter().map(|cause| (cause, counts.dropped(cause)));
    all.filter(|(_, n)| *n > 0).collect()
}

#[test]
fn what_is_offered_is_read_back_by_its_owner_alone_and_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let begun = Instant::now();
    let recorder = Recorder::start(&plan(&path)).unwrap();
    let mut offered = exchange(7, b"");
    offered.uri = "http://me:pw@shop.example:81/pay?id=3&token=abc".parse().unwrap();
    offered.version = Version::HTTP_2;
    for (name, value) in [("host", "other"), ("authorization", "Basic x"), ("x", "\u{e9}")] {
        offered.headers.append(name, value.parse().unwrap());
    }
    offered.headers.append("raw", http::HeaderValue::from_bytes(b"\xff").unwrap());
    offered.body = vec![Bytes::from_static(b"\x1b[31m"), Bytes::from_static(b"\x00\xfe")];
    recorder.offer(offered).unwrap();
    recorder.offer(exchange(8, "ünï\n".as_bytes())).unwrap();
    let counts = recorder.finish();
    assert_eq!((counts.recorded, counts.queued, dropped(&counts)), (2, 0, vec![]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), counts.bytes + head_len(&path));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("abc") && !text.contains("pw") && !text.contains('\u{1b}'), "{text}");
    let [first, second] = &read(&path)[..] else { panic!("{text}") };
    assert_eq!(first.host.as_deref(), Some("shop.example:81"));
    assert_eq!(first.target, "/pay?id=3&token=REDACTED");
    assert_eq!((first.version, first.connection), (Version::HTTP_2, Some(7)));
    assert_eq!((first.status, first.took), (Some(200), Duration::from_micros(7)));
    assert!(first.at <= begun.elapsed());
    assert_eq!(first.body.as_ref(), b"\x1b[31m\x00\xfe");
    assert_eq!(first.headers["raw"].as_bytes(), b"\xff");
    assert_eq!(first.headers["authorization"], "REDACTED");
    assert!(!first.headers.contains_key("host"));
    assert_eq!(second.body, "ünï\n");
    assert!(text.contains(r#""body":"ünï\n""#), "a person cannot read it: {text}");
}

fn head_len(path: &Path) -> u64 {
    std::fs::read_to_string(path).unwrap().lines().next().unwrap().len() as u64 + 1
}

#[test]
fn a_sigkill_costs_at_most_the_last_line() {
    let me = "a_sigkill_costs_at_most_the_last_line";
    if let Some(path) = std::env::var_os("RECORD_UNTIL_KILLED") {
        let recorder = Recorder::start(&plan(Path::new(&path))).unwrap();
        for number in 0.. {
            let _ = recorder.offer(exchange(number, &[b'x'; 3000]));
            if number % 100 == 0 {
                eprintln!("{}", recorder.counts().recorded);
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("{round}.jsonl"));
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", me, "--nocapture"])
            .env("RECORD_UNTIL_KILLED", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = 0;
        for line in BufReader::new(writer.stderr.take().unwrap()).lines() {
            told = line.unwrap().parse().unwrap_or(0);
            if told > 300 + 217 * round {
                break;
            }
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let mut recording = Recording::open(&path).unwrap();
        let requests: Vec<Recorded> = recording.by_ref().collect::<Result<_, _>>().unwrap();
        assert!(requests.len() as u64 >= told, "{} read, {told} told", requests.len());
        assert!(recording.torn().len() <= 1);
        assert!(requests.iter().enumerate().all(|(n, r)| r.connection == Some(n as u64)));
    }
}

#[test]
fn a_full_disk_costs_requests_and_never_the_caller() {
    // A device is no file to be moved out of the way.
    let when_full = WhenFull::Rotate { files: 2 };
    let plan = Plan { when_full, max_bytes: 4096, ..plan(Path::new("/dev/full")) };
    let recorder = Recorder::start(&plan).unwrap();
    for number in 0..50 {
        recorder.offer(exchange(number, b"x")).unwrap();
    }
    until("telling", || recorder.counts().trouble.is_some());
    assert!(Path::new("/dev/full").exists());
    let counts = recorder.finish();
    assert!(counts.trouble.as_ref().unwrap().contains("No space left on device"));
    assert_eq!((counts.recorded, dropped(&counts)), (0, vec![(Dropped::Disk, 50)]));
}

/// Needs a mount of its own: plays in a child with its own namespaces.
#[test]
fn a_disk_that_has_room_again_is_used_again_and_the_file_stays_whole() {
    let me = "a_disk_that_has_room_again_is_used_again_and_the_file_stays_whole";
    if let Some(folder) = std::env::var_os("SMALL_DISK") {
        return on_a_small_disk(&PathBuf::from(folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let play =
        "mount -t tmpfs -o size=128k tmpfs \"$SMALL_DISK\" || exit 77; exec \"$0\" --exact \"$1\"";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", play])
        .arg(std::env::current_exe().unwrap())
        .arg(me)
        .env("SMALL_DISK", folder.path())
        .output();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output {
        Ok(output) if output.status.success() => {
            assert!(said(&output.stdout).contains("1 passed"), "{}", said(&output.stdout));
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}{}", said(&output.stdout), said(&output.stderr))
        }
        Ok(output) => eprintln!("skipped: may not mount a tmpfs: {}", said(&output.stderr)),
        Err(error) => eprintln!("skipped: cannot run unshare: {error}"),
    }
}

fn on_a_small_disk(folder: &Path) {
    let (ballast, path) = (folder.join("ballast"), folder.join("traffic.jsonl"));
    std::fs::write(&ballast, vec![0; 64 << 10]).unwrap();
    let recorder = Recorder::start(&plan(&path)).unwrap();
    let mut number = 0;
    let mut offer = |n: u64| {
        for _ in 0..n {
            recorder.offer(exchange(number, &[b'x'; 1000])).unwrap();
            number += 1;
        }
        until("writing", || recorder.counts().queued == 0);
    };
    offer(200);
    let full = recorder.counts();
    assert!(full.dropped(Dropped::Disk) > 100 && full.trouble.is_some(), "{full:?}");
    assert_eq!(read(&path).len() as u64, full.recorded);
    assert!(Recording::open(&path).unwrap().torn().is_empty());
    std::fs::remove_file(&ballast).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    offer(20);
    let counts = recorder.finish();
    assert_eq!((counts.recorded, counts.trouble), (full.recorded + 20, None));
    assert_eq!(read(&path).len() as u64, counts.recorded);
}

#[test]
fn a_disk_that_hangs_costs_a_bounded_queue_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Both ends, so that neither opening waits; nobody reads yet.
    let mut pipe = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let recorder = Recorder::start(&Plan { max_queued: 1 << 20, ..plan(&path) }).unwrap();
    let begun = Instant::now();
    let taken = (0..2000).filter(|n| recorder.offer(exchange(*n, &[b'x'; 10_000])).is_ok()).count();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let counts = recorder.counts();
    assert!(counts.queued <= 1 << 20, "{counts:?}");
    assert!((50..400).contains(&taken), "{taken}");
    assert_eq!(counts.dropped(Dropped::QueueFull), 2000 - taken as u64);
    let drain = std::thread::spawn(move || {
        let mut lines = 0;
        let mut buffer = vec![0; 1 << 16];
        while lines < taken + 1 {
            let n_bytes = pipe.read(&mut buffer).unwrap();
            lines += buffer[..n_bytes].iter().filter(|byte| **byte == b'\n').count();
        }
    });
    assert_eq!(recorder.finish().recorded, taken as u64);
    drain.join().unwrap();
}

#[test]
fn a_rotation_keeps_the_newest_files_within_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    std::fs::write(&path, "of an earlier run\n").unwrap();
    let when_full = WhenFull::Rotate { files: 3 };
    let recorder = Recorder::start(&Plan { max_bytes: 10_000, when_full, ..plan(&path) }).unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path().join("traffic.jsonl.1")).unwrap(),
        "of an earlier run\n"
    );
    for number in 0..100 {
        recorder.offer(exchange(number, &[b'x'; 1000])).unwrap();
    }
    // Larger than a file may be: it alone is dropped.
    recorder.offer(exchange(100, &[b'x'; 20_000])).unwrap();
    recorder.offer(exchange(101, b"")).unwrap();
    let counts = recorder.finish();
    assert_eq!((counts.recorded, dropped(&counts)), (101, vec![(Dropped::FileFull, 1)]));
    let mut numbers = Vec::new();
    for name in ["traffic.jsonl.2", "traffic.jsonl.1", "traffic.jsonl"] {
        let file = folder.path().join(name);
        let metadata = std::fs::metadata(&file).unwrap();
        assert!(metadata.len() <= 10_000);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        numbers.extend(read(&file).iter().filter_map(|request| request.connection));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    let first = numbers[0];
    assert!((70..90).contains(&first), "{first}");
    assert_eq!(numbers, (first..100).chain([101]).collect::<Vec<_>>());
}

#[test]
fn a_full_file_ends_the_recording_and_callers_need_not_hold_bodies_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let recorder = Recorder::start(&Plan { max_bytes: 10_000, ..plan(&path) }).unwrap();
    assert!(!recorder.is_full());
    for number in 0..20 {
        let _ = recorder.offer(exchange(number, &[b'x'; 1000]));
    }
    until("filling", || recorder.is_full());
    assert_eq!(recorder.hold().grow(1), Err(Dropped::FileFull));
    assert_eq!(recorder.offer(exchange(20, b"")), Err(Dropped::FileFull));
    let counts = recorder.finish();
    assert!((7..10).contains(&counts.recorded), "{counts:?}");
    assert_eq!(counts.recorded + counts.dropped(Dropped::FileFull), 22);
    assert_eq!(read(&path).len() as u64, counts.recorded);
    assert!(std::fs::metadata(&path).unwrap().len() <= 10_000);
}

#[test]
fn what_may_not_be_written_is_counted_by_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let body_fields = vec!["password".to_owned()];
    let redaction = Redaction { body_fields, ..Redaction::default() };
    let recorder = Recorder::start(&Plan { redaction, max_body: 100, ..plan(&path) }).unwrap();
    assert_eq!(recorder.offer(exchange(0, &[b'1'; 101])), Err(Dropped::BodyTooLarge));
    recorder.offer(exchange(1, b"{\"password\":\"hunter2\"")).unwrap();
    recorder.offer(exchange(2, b"{\"password\":\"hunter2\"}")).unwrap();
    recorder.missed(Dropped::Incomplete);
    let counts = recorder.finish();
    let expected =
        [(Dropped::BodyTooLarge, 1), (Dropped::Unredactable, 1), (Dropped::Incomplete, 1)];
    assert_eq!((counts.recorded, dropped(&counts)), (1, expected.to_vec()));
    assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"));
}

#[test]
fn a_recording_that_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let first = Recorder::start(&plan(&path)).unwrap();
    first.offer(exchange(1, b"")).unwrap();
    let rotate = Plan { when_full: WhenFull::Rotate { files: 2 }, ..plan(&path) };
    assert!(matches!(Recorder::start(&rotate), Err(StartError::Busy { .. })));
    first.finish();
    let error = Recorder::start(&plan(&path)).unwrap_err();
    assert!(matches!(error, StartError::Exists { .. }) && error.hint().is_some());
    drop(Recorder::start(&rotate).unwrap());
    assert_eq!(read(&folder.path().join("traffic.jsonl.1")).len(), 1);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    assert!(Recorder::start(&plan(&link)).is_err(), "a link was followed");
    let nowhere = Recorder::start(&plan(&folder.path().join("no/such/file"))).unwrap_err();
    assert_eq!(nowhere.hint().as_deref(), Some("make its folder first"));
}

#[test]
fn requests_that_end_in_another_order_are_indexed_as_they_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let recorder = Recorder::start(&plan(&path)).unwrap();
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    for (number, begun, took) in [(2, 20, 10), (3, 25, 10), (1, 10, 100), (0, 5, 200)] {
        let took = Duration::from_millis(took);
        recorder.offer(Exchange { arrived: at(begun), took, ..exchange(number, b"") }).unwrap();
    }
    recorder.finish();
    let index = Index::read(&path).unwrap();
    let numbers: Vec<_> =
        (0..4).map(|number| index.fetch(number).unwrap().connection.unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let offsets: Vec<_> = index.entries().iter().map(|entry| entry.at.as_millis()).collect();
    assert_eq!(offsets, [0, 5, 15, 20]);
    assert_eq!((index.concurrency().peak, index.span()), (4, Duration::from_millis(200)));
    assert!((index.concurrency().mean - 1.6).abs() < 0.001);
}

#[test]
fn many_threads_may_offer_and_every_request_is_recorded_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let recorder = Recorder::start(&Plan { max_queued: 256 << 10, ..plan(&path) }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let recorder = &recorder;
            scope.spawn(move || {
                for number in 0..1000 {
                    let _ = recorder.offer(exchange(thread * 1000 + number, &[b'x'; 500]));
                }
            });
        }
    });
    let counts = recorder.finish();
    let n_dropped = counts.dropped(Dropped::QueueFull);
    assert_eq!((counts.recorded + n_dropped, counts.queued), (8000, 0));
    assert!(counts.recorded > 0 && dropped(&counts).len() <= 1, "{counts:?}");
    let mut seen: Vec<_> = read(&path).iter().filter_map(|request| request.connection).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len() as u64, counts.recorded, "one was written twice");
}

#[test]
fn bodies_that_are_still_arriving_are_within_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let plan = Plan { max_queued: 100_000, max_body: 50_000, ..plan(&path) };
    let recorder = Recorder::start(&plan).unwrap();
    let (mut one, mut two, mut three) = (recorder.hold(), recorder.hold(), recorder.hold());
    assert_eq!((one.grow(30_000), one.grow(20_000), two.grow(40_000)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(one.grow(1), Err(Dropped::BodyTooLarge));
    assert_eq!(three.grow(10_001), Err(Dropped::QueueFull));
    assert_eq!(recorder.offer(exchange(0, &[b'x'; 2000])), Err(Dropped::QueueFull));
    drop(one);
    assert_eq!(three.grow(10_001), Ok(()));
    recorder.offer(exchange(0, &[b'x'; 2000])).unwrap();
    drop((two, three));
    let counts = recorder.finish();
    assert_eq!((counts.recorded, counts.queued), (1, 0));
    assert_eq!(dropped(&counts), [(Dropped::QueueFull, 2), (Dropped::BodyTooLarge, 1)]);
}
