use super::*;
use crate::{Detector, Frame, GoroutineId, Op};

fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame { file: Some(file.into()), line: Some(line), ..Frame::new(function) }
}

fn access(op: Op, goroutine: u64, frames: Vec<Frame>) -> Access {
    Access {
        goroutine: Some(GoroutineId::Number(goroutine)),
        stack: frames.into(),
        ..Access::new(op)
    }
}

fn race(first: Access, second: Access) -> Race {
    Race {
        accesses: vec![first, second],
        ..Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE")
    }
}

fn map_race(root: &str, goroot: &str, shift: u32, map_function: &str) -> Race {
    let get = vec![
        frame(map_function, &format!("{goroot}/src/internal/runtime/maps/runtime_faststr.go"), 9),
        frame("main.(*Cache).Get", &format!("{root}/cache.go"), 20 + shift),
        frame("main.handler", &format!("{root}/main.go"), 80 + shift),
    ];
    let set = vec![
        frame("runtime.mapassign_faststr", &format!("{goroot}/src/runtime/map.go"), 9),
        frame("main.(*Cache).Set", &format!("{root}/cache.go"), 30 + shift),
        frame("main.worker", &format!("{root}/main.go"), 90 + shift),
        frame("main.main.gowrap1", &format!("{root}/main.go"), 12),
    ];
    race(access(Op::Read, 7, get), access(Op::Write, 8, set))
}

#[test]
fn lines_paths_goroot_and_go_versions_do_not_matter() {
    let one =
        Fingerprint::of(&map_race("/src/shop", "/usr/local/go", 0, "runtime.mapaccess1_faststr"));
    let trimmed =
        Fingerprint::of(&map_race("shop.example/dev", "", 0, "runtime.mapaccess1_faststr"));
    let later = Fingerprint::of(&map_race(
        "/ci/77/shop",
        "/opt/go1.27",
        41,
        "internal/runtime/maps.(*Map).Get",
    ));
    assert_eq!(one, trimmed);
    assert_eq!(one, later);
}

#[test]
fn order_goroutines_and_the_half_of_an_increment_do_not_matter() {
    let one = map_race("/src", "/go", 0, "runtime.mapaccess1_faststr");
    let mut swapped = one.clone();
    swapped.accesses.reverse();
    swapped.accesses[0].goroutine = Some(GoroutineId::Main);
    swapped.accesses[1].op = Op::Write;
    assert_eq!(Fingerprint::of(&one), Fingerprint::of(&swapped));
}

#[test]
fn another_function_another_object_or_another_library_call_is_another_race() {
    let one = Fingerprint::of(&map_race("/src", "/go", 0, "runtime.mapaccess1_faststr"));
    let mut elsewhere = map_race("/src", "/go", 0, "runtime.mapaccess1_faststr");
    elsewhere.accesses[0].stack.frames[1].function = "main.(*Cache).Peek".into();
    assert_ne!(one, Fingerprint::of(&elsewhere));

    let plain = map_race("/src", "/go", 0, "runtime.growslice");
    assert_ne!(one, Fingerprint::of(&plain));
    let buffer = map_race("/src", "/go", 0, "bytes.(*Buffer).Write");
    assert_ne!(Fingerprint::of(&plain), Fingerprint::of(&buffer));
}

#[test]
fn the_insides_of_a_library_and_how_it_was_entered_do_not_matter() {
    let write = |inside: &str, entered: &str| {
        let stack = |goroutine| {
            access(
                Op::Write,
                goroutine,
                vec![
                    frame("runtime.slicecopy", "/go/src/runtime/slice.go", 392),
                    frame(inside, "x.go", 107),
                    frame(entered, "x.go", 180),
                    frame("main.render", "/src/main.go", 5),
                ],
            )
        };
        Fingerprint::of(&race(stack(1), stack(2)))
    };
    let one = write("bytes.(*Buffer).grow", "bytes.(*Buffer).WriteString");
    assert_eq!(one, write("bytes.(*Buffer).tryGrowByReslice", "bytes.(*Buffer).WriteByte"));
    assert_eq!(one, write("bytes.(*Buffer).Write", "fmt.Fprintf"));
    assert_ne!(one, write("math/rand.(*rngSource).Uint64", "math/rand.(*Rand).Int63"));
}

#[test]
fn a_map_fatal_is_the_same_with_and_without_the_runtimes_frames() {
    let fatal = |frames: Vec<Frame>| Race {
        accesses: vec![access(Op::Read, 1, frames)],
        ..Race::new(Kind::ConcurrentMap, Detector::GoRuntime, "concurrent map read and map write")
    };
    let old = fatal(vec![frame("main.(*Fares).Get", "/src/main.go", 10)]);
    let new = fatal(vec![
        frame("internal/runtime/maps.fatal", "/go/src/runtime/panic.go", 1058),
        frame("main.(*Fares).Get", "/src/main.go", 10),
    ]);
    assert_eq!(Fingerprint::of(&old), Fingerprint::of(&new));
    assert_ne!(
        Fingerprint::of(&old),
        Fingerprint::of(&map_race("/src", "/go", 0, "runtime.mapaccess1"))
    );
}

#[test]
fn reports_without_frames_are_told_apart_by_their_words() {
    let bare = |headline: &str| Race::new(Kind::Panic, Detector::GoRuntime, headline);
    assert_eq!(Fingerprint::of(&bare("job 17 failed")), Fingerprint::of(&bare("job 9 failed")));
    assert_ne!(Fingerprint::of(&bare("job 17 failed")), Fingerprint::of(&bare("nil map")));
}
