//! The Go runtime's last words.

use crate::read;

const TRACE: &str =
    "\ngoroutine 7 [running]:\nmain.run(...)\n\t/a/main.go:9\nmain.main()\n\t/a/main.go:12 +0x1d\n";

fn kind(first_line: &str) -> String {
    read(format!("{first_line}\n{TRACE}")).lines().next().unwrap_or("").to_owned()
}

#[test]
fn messages_tell_the_kind() {
    for (line, head) in [
        (
            "fatal error: concurrent map read and map write",
            "concurrent-map: concurrent map read and map write",
        ),
        ("fatal error: concurrent map writes", "concurrent-map: concurrent map writes"),
        (
            "fatal error: concurrent map iteration and map write",
            "concurrent-map: concurrent map iteration and map write",
        ),
        (
            "fatal error: concurrent map clone and map write",
            "concurrent-map: concurrent map clone and map write",
        ),
        (
            "fatal error: all goroutines are asleep - deadlock!",
            "deadlock: all goroutines are asleep - deadlock!",
        ),
        (
            "fatal error: no goroutines (main called runtime.Goexit) - deadlock!",
            "deadlock: no goroutines (main called runtime.Goexit) - deadlock!",
        ),
        (
            "fatal error: sync: unlock of unlocked mutex",
            "sync-misuse: sync: unlock of unlocked mutex",
        ),
        (
            "fatal error: sync: Unlock of unlocked RWMutex",
            "sync-misuse: sync: Unlock of unlocked RWMutex",
        ),
        ("fatal error: runtime: out of memory", "fatal-error: runtime: out of memory"),
        (
            "panic: sync: negative WaitGroup counter",
            "sync-misuse: sync: negative WaitGroup counter",
        ),
        (
            "panic: sync: WaitGroup misuse: Add called concurrently with Wait",
            "sync-misuse: sync: WaitGroup misuse: Add called concurrently with Wait",
        ),
        (
            "panic: sync: WaitGroup is reused before previous Wait has returned",
            "sync-misuse: sync: WaitGroup is reused before previous Wait has returned",
        ),
        ("panic: send on closed channel", "closed-channel: send on closed channel"),
        (
            "panic: close of closed channel [recovered]\n\tpanic: close of closed channel",
            "closed-channel: close of closed channel",
        ),
        ("panic: close of nil channel", "closed-channel: close of nil channel"),
        (
            "panic: runtime error: index out of range [3] with length 1",
            "panic: runtime error: index out of range [3] with length 1",
        ),
        ("panic: once [recovered, repanicked]", "panic: once"),
        (
            "panic: test timed out after 10m0s\n\trunning tests:\n\t\tTestX (10m0s)",
            "panic: test timed out after 10m0s",
        ),
    ] {
        assert_eq!(kind(line), head);
    }
}

#[test]
fn the_crashing_goroutine_is_the_access() {
    insta::assert_snapshot!(read(format!("fatal error: concurrent map clone and map write\n{TRACE}")), @r"
    concurrent-map: concurrent map clone and map write
      read g7 running: main.run~ main.go:9 | main.main main.go:12
    ");
    insta::assert_snapshot!(read(format!("fatal error: concurrent map writes\n{TRACE}")), @r"
    concurrent-map: concurrent map writes
      write g7 running: main.run~ main.go:9 | main.main main.go:12
    ");
}

#[test]
fn a_message_may_be_torn_from_its_words() {
    let torn = format!("fatal error: {{\"msg\":\"request\"}}\nconcurrent map writes\n{TRACE}");
    assert_eq!(read(torn), read(format!("fatal error: concurrent map writes\n{TRACE}")));
    let torn = format!("10:00 missfatal error: concurrent map writes\n{TRACE}");
    assert_eq!(read(torn), read(format!("fatal error: concurrent map writes\n{TRACE}")));
    let torn = format!("{{\"level\":\"INFO\"}}panic: send on closed channel\n{TRACE}");
    assert_eq!(read(torn), read(format!("panic: send on closed channel\n{TRACE}")));
}

#[test]
fn two_threads_die_at_once() {
    let both = format!(
        "fatal error: concurrent map writesfatal error: concurrent map read and map write\n\n{TRACE}"
    );
    assert_eq!(read(both).lines().next(), Some("concurrent-map: concurrent map writes"));
    let both = format!(
        "fatal error: concurrent map writes\nfatal error: concurrent map read and map write\n{TRACE}"
    );
    assert_eq!(read(both), read(format!("fatal error: concurrent map writes\n{TRACE}")));
}

#[test]
fn traces_of_old_and_chatty_runtimes_are_read() {
    insta::assert_snapshot!(read("\
fatal error: concurrent map read and map write

goroutine 7 gp=0xc000002380 m=4 mp=0xc000100008 [running, locked to thread]:
runtime.throw(0x4d8f2a, 0x21)
\t/usr/local/go/src/runtime/panic.go:617 +0x72 fp=0xc00002ef20 sp=0xc00002eef0 pc=0x426a32
runtime.mapaccess1_fast64(0x4a2b40, 0xc000016120, 0x1, 0x0)
\t/usr/local/go/src/runtime/map_fast64.go:21 +0x1a4 fp=0xc00002ef48 sp=0xc00002ef20 pc=0x40e0b4
main.(*Shelf).Left({0xc000012345?, 0x3}, ...)
\t/home/ci/shop/main.go:10 +0x4e
...additional frames elided...
created by main.main
\t/home/ci/shop/main.go:17 +0x8d

goroutine 1 [chan receive, 2 minutes]:
main.main()
\t/home/ci/shop/main.go:18 +0x9f
rax    0x0
exit status 2
"), @r"
    concurrent-map: concurrent map read and map write
      read g7 running: runtime.throw panic.go:617 | runtime.mapaccess1_fast64 map_fast64.go:21 | main.(*Shelf).Left main.go:10 < main.main main.go:17
      also 1 [chan receive, 2 minutes]: main.main main.go:18
    ");
}

#[test]
fn the_schedulers_own_stack_is_left_out() {
    insta::assert_snapshot!(read("\
runtime: goroutine stack exceeds 1000000000-byte limit
fatal error: stack overflow

runtime stack:
runtime.throw({0x4a1b2c?, 0x0?})
\t/usr/local/go/src/runtime/panic.go:1101 +0x48

goroutine 1 [running]:
main.f(0x1)
\t/a/main.go:3 +0x1
"), @r"
    fatal-error: stack overflow
      read g1 running: main.f main.go:3
    ");
}

#[test]
fn a_message_alone_is_enough_where_nobody_else_says_it() {
    insta::assert_snapshot!(read("fatal error: concurrent map writes\nexit status 2\n"), @r"
    partial: concurrent-map: concurrent map writes
      write nobody: no stack
    ");
    insta::assert_snapshot!(read("panic: boom\nexit status 2\n"), @"partial: panic: boom");
    insta::assert_snapshot!(read("panic: boom\n"), @"partial: panic: boom");
    insta::assert_snapshot!(read("panic: boom\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a25fb]\n"), @"partial: panic: boom");
}

#[test]
fn a_handlers_misuse_of_a_channel_is_kept_though_http_recovered_it() {
    insta::assert_snapshot!(read("\
2026/11/21 10:00:00 http: panic serving 127.0.0.1:52110: send on closed channel
goroutine 18 [running]:
net/http.(*conn).serve.func1()
\t/usr/local/go/src/net/http/server.go:1947 +0xbe
panic({0x6b2c40?, 0x7d1f30?})
\t/usr/local/go/src/runtime/panic.go:792 +0x132
main.(*Hub).Publish(...)
\t/home/ci/shop/hub.go:31
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3454 +0x485
2026/11/21 10:00:01 GET /
"), @r"
    closed-channel: send on closed channel
      write g18 running: net/http.(*conn).serve.func1 server.go:1947 | panic panic.go:792 | main.(*Hub).Publish~ hub.go:31 < net/http.(*Server).Serve server.go:3454
    ");
}

#[test]
fn a_race_and_a_crash_may_be_told_at_once() {
    let race = "==================\nWARNING: DATA RACE\nWrite at 0x00c00001 by goroutine 7:\n  main.f()\n      /a.go:1 +0x1\n\nPrevious read at 0x00c00001 by main goroutine:\n  main.main()\n      /a.go:2 +0x1\n\nGoroutine 7 (running) created at:\n  main.main()\n      /a.go:3 +0x1\n==================\n";
    let crash = format!("fatal error: concurrent map writes\n{TRACE}");
    assert_eq!(read(format!("{race}{crash}{race}")).matches("main.go:9").count(), 1);
    assert_eq!(read(format!("{race}{crash}{race}")).matches("write 0xc00001 g7").count(), 2);
    let (head, tail) = race.split_at(race.find("Previous").unwrap());
    let mixed = read(format!("{head}{crash}exit status 2\n{tail}"));
    assert!(
        mixed.contains("concurrent-map") && mixed.contains("read 0xc00001 main: main.main"),
        "{mixed}"
    );
}

#[test]
fn detectors_fail_in_their_own_words() {
    for line in [
        "ThreadSanitizer: ERROR: Flag parsing failed.",
        "==123==ERROR: ThreadSanitizer failed to allocate 0x4000 (16384) bytes of stack (error code: 12)",
        "FATAL: ThreadSanitizer CHECK failed: ../rtl/tsan_rtl.cc:327 \"((0)) != (0)\" (0x0, 0x0)",
        "FATAL: ThreadSanitizer: unexpected memory mapping 0x5634b8b2f000-0x5634b8b32000",
        "race: limit on 8128 simultaneously alive goroutines is exceeded, dying",
        "ThreadSanitizer: failed to read suppressions file '/etc/none'",
    ] {
        let read = read(format!("INFO start\n{line}\nexit status 66\n"));
        let words = line.trim_start_matches("==123==");
        assert_eq!(read, format!("detector-failure: {words}"));
    }
}
