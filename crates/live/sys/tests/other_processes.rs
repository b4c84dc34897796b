//! Looks at real processes: ourselves, children, one that ended.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::fs;
use std::process::Command;

use photofinish_sys::trace::Tracer;
use photofinish_sys::{
    ForeignMemory, NumaNodes, Range, SysError, ThreadState, auxv, mappings, monotonic_now, threads,
};

/// A page that is never mapped: mmap_min_addr keeps it free.
const NOWHERE: u64 = 0x10;

fn ours() -> ForeignMemory {
    ForeignMemory::open(std::process::id()).unwrap()
}

#[test]
fn bytes_are_read_as_they_are() {
    let text = b"a text at a known address".to_vec();
    let mut read = vec![0; text.len()];
    ours().read(text.as_ptr() as u64, &mut read).unwrap();
    assert_eq!(read, text);
}

#[test]
fn a_hole_fails_alone_among_three_thousand_ranges() {
    let words: Vec<u64> = (0..3000).collect();
    let at = |word_idx: usize| Range { address: words[word_idx..].as_ptr() as u64, len: 8 };
    let mut ranges: Vec<Range> = (0..words.len()).map(at).collect();
    let holes = [0, 1, 1023, 1024, 1500, 2999];
    for hole in holes {
        ranges[hole].address = NOWHERE;
    }
    let mut read = vec![0; ranges.len() * 8];
    let was_read = ours().read_many(&ranges, &mut read).unwrap();
    for (word_idx, bytes) in read.chunks_exact(8).enumerate() {
        assert_eq!(was_read[word_idx], !holes.contains(&word_idx), "{word_idx}");
        if was_read[word_idx] {
            assert_eq!(u64::from_le_bytes(bytes.try_into().unwrap()), word_idx as u64);
        }
    }
}

#[test]
fn a_range_without_room_counts_as_not_read() {
    let word = 7_u64;
    let range = Range { address: std::ptr::from_ref(&word) as u64, len: 8 };
    let mut room = [0; 12];
    assert_eq!(ours().read_many(&[range, range], &mut room).unwrap(), [true, false]);
    let huge = Range { address: range.address, len: usize::MAX };
    assert_eq!(ours().read_many(&[range, huge], &mut room).unwrap(), [true, false]);
}

#[test]
fn nothing_mapped_says_where() {
    for address in [NOWHERE, u64::MAX, u64::MAX / 2 + 1] {
        let error = ours().read(address, &mut [0; 16]).unwrap_err();
        assert!(matches!(error, SysError::Unmapped { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("{address:#x}")), "{error}");
    }
}

#[test]
fn a_process_that_ended_is_gone() {
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let memory = ForeignMemory::open(child.id()).unwrap();
    assert!(memory.is_there());
    let somewhere = mappings(child.id()).unwrap()[0].start;
    memory.read(somewhere, &mut [0; 4]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!memory.is_there());
    for error in [
        memory.read(somewhere, &mut [0; 4]).unwrap_err(),
        ForeignMemory::open(child.id()).unwrap_err(),
        mappings(child.id()).unwrap_err(),
        threads(child.id()).unwrap_err(),
        auxv(child.id()).unwrap_err(),
    ] {
        assert!(matches!(error, SysError::Gone { .. }), "{error:?}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_refusal_names_the_check_that_failed() {
    use std::os::unix::process::CommandExt;
    let mut target = Command::new("sleep").arg("600").spawn().unwrap();
    // A copy that everybody may execute, run as nobody: it has no rights over our child.
    let copy = std::env::temp_dir().join(format!("photofinish-denied-{}", std::process::id()));
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new(&copy)
        .args(["--exact", "what_nobody_is_told", "--ignored", "--nocapture"])
        .env("TARGET", target.id().to_string())
        .uid(65_534)
        .gid(65_534)
        .output();
    fs::remove_file(&copy).unwrap();
    target.kill().unwrap();
    target.wait().unwrap();
    let Ok(output) = output else {
        eprintln!("skipped: needs to be root to become somebody else");
        return;
    };
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("not allowed to read the memory"), "{told}");
    assert!(told.contains("it runs as user 0, we as user 65534"), "{told}");
    assert!(told.contains("run as the same user, or with the SYS_PTRACE capability"), "{told}");
}

/// Run as another user by the test above.
#[test]
#[ignore = "a part of a_refusal_names_the_check_that_failed"]
fn what_nobody_is_told() {
    let pid = std::env::var("TARGET").unwrap().parse().unwrap();
    let error = ForeignMemory::open(pid).unwrap().read(0x40_0000, &mut [0; 8]).unwrap_err();
    println!("{error}\n{}", error.hint().unwrap());
}

#[test]
fn the_heap_is_among_our_mappings_and_the_text_is_executable() {
    let mappings = mappings(std::process::id()).unwrap();
    let on_heap = Box::new(1_u64);
    let address = std::ptr::from_ref(&*on_heap) as u64;
    let around =
        |address| mappings.iter().find(|there| (there.start..there.end).contains(&address));
    assert!(around(address).unwrap().writable);
    let text = around(monotonic_now as fn() -> u64 as usize as u64).unwrap();
    assert!(text.executable && !text.writable);
    let file = std::env::current_exe().unwrap();
    assert_eq!(fs::canonicalize(&text.path).unwrap(), fs::canonicalize(file).unwrap());
}

#[test]
fn a_thread_is_listed_with_its_name_state_and_processor() {
    let (ready, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("odd) (name".to_owned())
        .spawn(move || while wait.recv().is_ok() {})
        .unwrap();
    ready.send(()).unwrap();
    let find = || {
        let threads = threads(std::process::id()).unwrap();
        threads.into_iter().find(|thread| thread.name == "odd) (name")
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while find().is_none_or(|thread| thread.state != ThreadState::Sleeping) {
        assert!(std::time::Instant::now() < deadline, "{:?}", find());
        std::thread::yield_now();
    }
    let found = find().unwrap();
    assert!(found.cpu.is_some());
    assert_ne!(found.tid, std::process::id());
    drop(ready);
    thread.join().unwrap();
}

#[test]
fn nodes_are_read_from_the_kernels_lists() {
    let folder = std::env::temp_dir().join(format!("photofinish-numa-{}", std::process::id()));
    for (node, list) in [("node0", "0-3,8\n"), ("node1", "4-7\n"), ("possible", "0-1\n")] {
        fs::create_dir_all(folder.join(node)).unwrap();
        fs::write(folder.join(node).join("cpulist"), list).unwrap();
    }
    let nodes = NumaNodes::read_from(&folder);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        [0, 3, 4, 8, 9].map(|cpu| nodes.node_of(cpu)),
        [Some(0), Some(0), Some(1), Some(0), None]
    );
    assert_eq!(NumaNodes::read_from(&folder), NumaNodes::default());
}

#[test]
fn our_entry_point_lies_in_our_text() {
    let entry = auxv(std::process::id()).unwrap().into_iter().find(|entry| entry.is_entry());
    let entry = entry.unwrap().value;
    let mappings = mappings(std::process::id()).unwrap();
    let there = mappings.iter().find(|there| (there.start..there.end).contains(&entry)).unwrap();
    assert!(there.executable);
}

#[test]
fn a_process_that_has_ended_and_was_not_waited_for_is_gone_and_not_forbidden() {
    let mut child = Command::new("true").spawn().unwrap();
    let is_dead = || {
        let threads = threads(child.id()).unwrap_or_default();
        threads.iter().all(|thread| thread.state == ThreadState::Dead)
    };
    while !is_dead() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let error = Tracer::attach(child.id()).unwrap_err();
    assert!(error.is_gone(), "{error}");
    child.wait().unwrap();
}
