//! Text that mentions reports, or looks like one, and is none.

use crate::read;

#[track_caller]
fn silent(text: &str) {
    assert_eq!(read(text), "", "{text}");
}

#[test]
fn a_mention_is_no_race() {
    silent("WARNING: DATA RACE\n");
    silent("grep -c \"WARNING: DATA RACE\" log | tee count\nok\n");
    silent("if strings.Contains(out, \"WARNING: DATA RACE\") {\n\treturn errRace\n}\n");
    silent("==================\nWARNING: DATA RACE\n==================\nsee above\n");
    silent("The detector prints WARNING: DATA RACE, then Read at and Previous write.\n");
    silent("{\"msg\":\"known flake: WARNING: DATA RACE\\nin TestX\"}\n");
    silent(
        "WARNING: ThreadSanitizer: data race (pid=1)\nSUMMARY: ThreadSanitizer: data race a.cc:1 in f\n",
    );
    silent("SUMMARY: ThreadSanitizer: data race /src/cache.cc:41:9 in Cache::put(int)\n");
    silent("--- FAIL: TestX\n    testing.go:1490: race detected during execution of test\n");
    silent("Found 3 data race(s)\nexit status 66\n");
}

#[test]
fn where_goroutines_were_created_is_no_race() {
    silent(
        "Goroutine 11 (running) created at:\n  main.main()\n      /a/main.go:24 +0x434\n==================\n",
    );
}

#[test]
fn log_lines_panic_without_dying() {
    silent("2026/11/21 10:00:00 panic: the cache is gone\n2026/11/21 10:00:01 recovered\n");
    silent("panic: the cache is gone\nnext line\nand another\nand another\nand another\nend\n");
    silent("kernel panic: not syncing\nmore\nmore\nmore\nmore\n");
    silent(
        "2026/11/21 10:00:00 panic: oops\ngoroutine 7 [running]:\nruntime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\nmain.handler.func1()\n\t/a/main.go:9 +0x1\n",
    );
    silent("recovered panic: oops\ngoroutine 7 [running]:\nmain.f()\n\t/a/main.go:9 +0x1\n");
    silent(
        "http: panic serving 127.0.0.1:4711: boom\ngoroutine 18 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/local/go/src/net/http/server.go:1947 +0xbe\n",
    );
}

#[test]
fn compilers_have_fatal_errors_too() {
    silent(
        "main.c:1:10: fatal error: foo.h: No such file or directory\n    1 | #include \"foo.h\"\n      |          ^~~~~~~\ncompilation terminated.\n",
    );
    silent("the log said fatal error: concurrent map writes last night\nno more\n");
    silent("2026-11-21 ERROR fatal error: disk on fire\nand so on\n");
}

#[test]
fn a_goroutine_dump_is_no_crash() {
    silent(
        "SIGQUIT: quit\nPC=0x46a3a1 m=0 sigcode=0\n\ngoroutine 0 [idle]:\nruntime.futex()\n\t/usr/local/go/src/runtime/sys_linux_amd64.s:558 +0x21\n",
    );
    silent("goroutine 1 [running]:\nmain.main()\n\t/a/main.go:9 +0x1\n");
}

#[test]
fn other_programs_read_and_write_at_addresses() {
    silent("Read at 0x00c000014088 by goroutine 7:\n");
    silent("Write at 0x1000 by driver: ok\n  f.g()\n      /a.go:1 +0x1\n");
    silent("gdb: Read at 0x7fff by thread T1 of size 8\n");
}

#[test]
fn detectors_are_mentioned() {
    silent("see FATAL errors of ThreadSanitizer in the manual\n");
    silent("ThreadSanitizer failed me again\n");
    silent("race: limit on cars in the city\n");
}
