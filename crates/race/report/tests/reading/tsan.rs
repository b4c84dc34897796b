//! ThreadSanitizer of C, C++, Rust and Swift; and Go's relatives of other times.

use crate::read;

#[test]
fn every_section_of_a_c_report_is_read() {
    insta::assert_snapshot!(read("\
==================
WARNING: ThreadSanitizer: data race (pid=4711)
  Write of size 4 at 0x720c00000010 by thread T2 (mutexes: write M0, read M1):
    #0 Cache::put(int) /src/cache.cc:41:9 (server+0xd1a2f) (BuildId: 0123abcd)
    #1 worker(void*) /src/main.cc:12 (server+0xd1b00)

  Previous atomic read of size 8 at 0x720c00000010 by main thread:
    [failed to restore the stack]

  As if synchronized via sleep:
    #0 sleep <null> (server+0x1)

  Location is heap block of size 64 at 0x720c00000000 allocated by thread T1:
    #0 operator new(unsigned long) <null> (server+0x2)

  Mutex M0 (0x55d000000000) created at:
    #0 pthread_mutex_lock <null> (server+0x3)

  Mutex M1 is already destroyed.

  Thread T2 'worker-2' (tid=4713, running) created by main thread at:
    #0 pthread_create <null> (server+0x4)
    #1 main /src/main.cc:20:3 (server+0x5)

  Thread T1 (tid=4712, finished) created by main thread at:
    #0 pthread_create <null> (server+0x4)

SUMMARY: ThreadSanitizer: data race /src/cache.cc:41:9 in Cache::put(int)
==================
ThreadSanitizer: reported 1 warnings
"), @r"
    data race
      write 4 0x720c00000010 T2 running: Cache::put(int) cache.cc:41:9 | worker(void*) main.cc:12 < pthread_create | main main.cc:20:3
      atomic-read 8 0x720c00000010 main: no stack
      on heap block of size 64 at 0x720c00000000: operator new(unsigned long)
    ");
}

#[test]
fn rust_and_swift_have_their_own_names() {
    insta::assert_snapshot!(read("\
WARNING: ThreadSanitizer: Swift access race (pid=9)
  Modifying access of Swift variable at 0x7b0800000010 by thread T1:
    #0 $s4main7CounterC3add5valueySi_tF <compiler-generated> (app:x86_64+0x100001)
    #1 closure #1 in bump(_:) /Users/x y/app/main.swift:12 (app:arm64+0x2)

  Previous modifying access of Swift variable at 0x7b0800000010 by main thread:
    #0 main /Users/x y/app/main.swift:20 (app:arm64+0x3)

SUMMARY: ThreadSanitizer: Swift access race main.swift:12 in closure #1 in bump(_:)
==================
==================
WARNING: ThreadSanitizer: data race (pid=10)
  Write of size 8 at 0x5581c0ffee00 by thread T2:
    #0 app::main::{{closure}}::h0123456789abcdef src/main.rs:9:13 (app+0x9)
    #1 _RNvCs1_3app4main <null> (app+0xa)

  Previous read of size 8 at 0x5581c0ffee00 by thread T1:
    #0 core::ptr::read::<u64> /rustc/abc/library/core/src/ptr/mod.rs:1165:9 (app+0xb)

  Location is global 'app::HITS::h01' of size 8 at 0x5581c0ffee00 (app+0xc)

  Thread T2 (tid=3, running) created by main thread at:
    #0 pthread_create /rustc/llvm/tsan_interceptors_posix.cpp:1022:3 (app+0xd)

SUMMARY: ThreadSanitizer: data race src/main.rs:9:13 in app::main::{{closure}}
==================
"), @r"
    Swift access race
      write 0x7b0800000010 T1: $s4main7CounterC3add5valueySi_tF <compiler-generated> | closure #1 in bump(_:) main.swift:12
      write 0x7b0800000010 main: main main.swift:20

    data race
      write 8 0x5581c0ffee00 T2 running: app::main::{{closure}}::h0123456789abcdef main.rs:9:13 | _RNvCs1_3app4main < pthread_create tsan_interceptors_posix.cpp:1022:3
      read 8 0x5581c0ffee00 T1: core::ptr::read::<u64> mod.rs:1165:9
      on global 'app::HITS::h01' of size 8: no stack
    ");
}

#[test]
fn titles_tell_the_kind() {
    for (title, kind) in [
        ("data race on vptr (ctor/dtor vs virtual call)", ""),
        ("race on external object", ""),
        ("heap-use-after-free", "use-after-free: "),
        ("heap-use-after-free (virtual call vs free)", "use-after-free: "),
        ("thread leak", "thread-leak: "),
        ("destroy of a locked mutex", "sync-misuse: "),
        ("double lock of a mutex", "sync-misuse: "),
        ("use of an invalid mutex (e.g. uninitialized or destroyed)", "sync-misuse: "),
        ("read lock of a write locked mutex", "sync-misuse: "),
        ("mutex held in the wrong context", "sync-misuse: "),
        ("lock-order-inversion (potential deadlock)", "deadlock: "),
        ("signal-unsafe call inside of a signal", "signal-unsafe: "),
        ("signal handler spoils errno", "signal-unsafe: "),
    ] {
        let text = format!(
            "==================\nWARNING: ThreadSanitizer: {title} (pid=1)\n    #0 f a.c:1 (p+0x1)\n\nSUMMARY: ThreadSanitizer: {title} a.c:1 in f\n==================\n"
        );
        assert_eq!(read(text).lines().next(), Some(&*format!("{kind}{title}")));
    }
}

#[test]
fn a_c_report_cut_short_is_partial() {
    insta::assert_snapshot!(read("WARNING: ThreadSanitizer: data race (pid=1)\n  Write of size 4 at 0x10 by main thread:\n    #0 f a.c:1:2 (p+0x1)\n"), @r"
    partial: data race
      write 4 0x10 main: f a.c:1:2
    ");
}

#[test]
fn go_before_1_7_prints_no_address() {
    insta::assert_snapshot!(read("\
==================
WARNING: DATA RACE
Write by goroutine 12:
  main.func·001()
      /home/u/p/main.go:11 +0x39

Previous read by main goroutine:
  main.main()
      _/home/u/p/main.go:25 +0x44b

Goroutine 12 (running) created at:
  main.main()
      _/home/u/p/main.go:24 +0x434
==================
"), @r"
    race
      write g12 running: main.func·001 main.go:11 < main.main main.go:24
      read main: main.main main.go:25
    ");
}

#[test]
fn racelite_prints_traces_and_no_colon() {
    insta::assert_snapshot!(read("\
==================
WARNING: DATA RACE
Write at 0xc000012345 by goroutine 18
main.(*Cart).Add(0xc000012340, 0x1)
\t/home/ci/shop/main.go:11 +0x39
main.main.func1(...)
\t/home/ci/shop/main.go:12

Previous write at 0xc000012345 by goroutine 7
main.main()
\t/home/ci/shop/main.go:25 +0x44b
==================
Found 1 data race(s)
"), @r"
    race
      write 0xc000012345 g18: main.(*Cart).Add main.go:11 | main.main.func1~ main.go:12
      write 0xc000012345 g7: main.main main.go:25
    ");
}

#[test]
fn frames_come_in_all_shapes() {
    insta::assert_snapshot!(read("\
==================
WARNING: DATA RACE
Write at 0x0000006388f8 by goroutine 7:
  ??()
      -:0 +0x46aa91
  main.(*Ring[go.shape.struct { A int; B string }]).Push()
      C:/Users/x y/p/main.go:12 +0x39
  main.f-range1()
      shop.example/dev/suite/main.go:12 +0x39
  gopkg.in/check%2ev1.(*C).f-fm()
      /root/go/pkg/mod/github.com/!azure/x@v1.2.3/z.go:9 +0x1
  main.(*A).f.(*B).g.func1()
      external/x/bazel-out/k8/bin/y.go:9 +0x1
  _cgoexp_0a1b2c3d4e5f_goTick()
      _cgo_gotypes.go:57 +0x9
  main._Cfunc_x()
      <autogenerated>:1 +0x0

Previous write at 0x0000006388f8 by goroutine 6:
  [failed to restore the stack]

Goroutine 7 (running) created at:
  runtime.newextram()
      /usr/local/go/src/runtime/proc.go:2300 +0x0

Goroutine 6 (finished) created at:
  main.main()
      _testmain.go:47 +0x1
==================
"), @r"
    race
      write 0x6388f8 g7 running: ?? | main.(*Ring[go.shape.struct { A int; B string }]).Push main.go:12 | main.f-range1 main.go:12 | gopkg.in/check%2ev1.(*C).f-fm z.go:9 | main.(*A).f.(*B).g.func1 y.go:9 | _cgoexp_0a1b2c3d4e5f_goTick _cgo_gotypes.go:57 | main._Cfunc_x <autogenerated>:1 < runtime.newextram proc.go:2300
      write 0x6388f8 g6 finished: no stack < main.main _testmain.go:47
    ");
}
