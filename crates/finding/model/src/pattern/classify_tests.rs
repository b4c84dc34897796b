use super::*;
use crate::{GoroutineId, Op, Stack};

const HEAP: u64 = 0xc0_0001_4088;

fn side(op: Op, lines: &[(&str, u32)]) -> Access {
    let frames = lines.iter().map(|&(function, line)| {
        let is_library = ["runtime.", "bytes.", "sync", "math/", "testing."]
            .iter()
            .any(|p| function.starts_with(p));
        let file = if is_library { "/usr/local/go/src/runtime/x.go" } else { "/src/main.go" };
        Frame { file: Some(file.into()), line: Some(line), ..Frame::new(function) }
    });
    Access {
        address: Some(HEAP),
        goroutine: Some(GoroutineId::Number(7)),
        stack: Stack { frames: frames.collect() },
        ..Access::new(op)
    }
}

fn race(one: Access, other: Access) -> Race {
    Race { accesses: vec![one, other], ..Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE") }
}

fn pattern(one: &[(&str, u32)], other: &[(&str, u32)]) -> Pattern {
    Pattern::of(&race(side(Op::Read, one), side(Op::Write, other)))
}

fn with_lines(race: &Race, source: &str) -> Pattern {
    let lines: Vec<&str> = source.lines().collect();
    Pattern::with_source(race, |_, line| {
        lines.get(line as usize - 1).map(|text| (*text).to_owned())
    })
}

#[test]
fn the_library_on_top_of_a_stack_tells_the_pattern() {
    let reader = [("main.read", 9)];
    for (other, expected) in [
        (vec![("runtime.mapassign_faststr", 1), ("main.set", 5)], Pattern::ConcurrentMap),
        (vec![("runtime.growslice", 1), ("main.add", 5)], Pattern::SliceHeader),
        (vec![("runtime.closechan", 1), ("main.stop", 5)], Pattern::ChannelClose),
        (vec![("sync/atomic.AddInt64", 1), ("main.hit", 5)], Pattern::MixedAtomic),
        (
            vec![("bytes.(*Buffer).grow", 1), ("bytes.(*Buffer).Write", 1), ("main.render", 5)],
            Pattern::SharedBuffer,
        ),
        (
            vec![
                ("math/rand.(*rngSource).Uint64", 1),
                ("math/rand.(*Rand).Int63", 1),
                ("main.jitter", 5),
            ],
            Pattern::UnsafeApi,
        ),
        (vec![("sync.(*WaitGroup).Add", 1), ("main.start", 5)], Pattern::WaitGroupMisuse),
    ] {
        assert_eq!(pattern(&reader, &other), expected, "{other:?}");
    }
}

#[test]
fn a_closure_against_its_parent_is_a_capture() {
    let mut loop_race =
        race(side(Op::Read, &[("main.main.func1", 12)]), side(Op::Write, &[("main.main", 10)]));
    loop_race.accesses[0].created_at = side(Op::Read, &[("main.main", 11)]).stack;
    assert_eq!(Pattern::of(&loop_race), Pattern::LoopVariableCapture);

    loop_race.accesses[1] = side(Op::Write, &[("main.main", 15)]);
    assert_eq!(Pattern::of(&loop_race), Pattern::CapturedVariable);

    assert_eq!(pattern(&[("main.f.func1", 3)], &[("main.f.func2", 8)]), Pattern::CapturedVariable);
}

#[test]
fn the_source_line_tells_an_err_a_lost_update_and_a_lazy_init() {
    let captured = race(side(Op::Write, &[("main.f.func1", 2)]), side(Op::Write, &[("main.f", 3)]));
    assert_eq!(
        with_lines(&captured, "func f() {\n go func() { _, err = g() }()\n _, err = h()\n"),
        Pattern::ErrCapture
    );

    let counted = race(side(Op::Read, &[("main.hit", 2)]), side(Op::Write, &[("main.hit", 2)]));
    assert_eq!(with_lines(&counted, "func hit() {\n hits++\n}"), Pattern::LostUpdate);

    let lazy = race(side(Op::Read, &[("main.get", 2)]), side(Op::Write, &[("main.get", 3)]));
    assert_eq!(
        with_lines(&lazy, "func get() {\n if conn == nil {\n  conn = dial()\n }"),
        Pattern::LazyInit
    );
}

#[test]
fn the_source_tells_a_lock_that_only_one_side_takes() {
    let one_side =
        race(side(Op::Read, &[("main.(*C).Get", 3)]), side(Op::Write, &[("main.(*C).Set", 6)]));
    let source = "func (c *C) Get() int {\n c.mu.Lock()\n x := c.n\n}\nfunc (c *C) Set(n int) {\n c.n = n\n}";
    assert_eq!(with_lines(&one_side, source), Pattern::PartialLock);

    let source = "func (c *C) Get() int {\n c.mu.RLock()\n x := c.n\n}\nfunc (c *C) Set(n int) { c.mu.RLock()\n c.n = n\n}";
    assert_eq!(with_lines(&one_side, source), Pattern::WriteUnderReadLock);
}

#[test]
fn globals_methods_and_tests_are_told_apart() {
    let mut global = race(side(Op::Read, &[("main.a", 1)]), side(Op::Write, &[("main.b", 2)]));
    assert_eq!(Pattern::of(&global), Pattern::UnsynchronizedAccess);
    global.accesses[0].address = Some(0x5d_1000);
    assert_eq!(Pattern::of(&global), Pattern::GlobalVariable);

    assert_eq!(pattern(&[("main.(*C).Get", 1)], &[("main.(*C).Set", 2)]), Pattern::MissingLock);

    let in_test = |line| {
        let mut access = side(Op::Write, &[("shop.TestA.func1", line), ("testing.tRunner", 9)]);
        access.stack.frames[0].file = Some("/src/shop_test.go".into());
        access
    };
    let mut other = in_test(4);
    other.stack.frames[0].function = "shop.TestB.func1".into();
    assert_eq!(Pattern::of(&race(in_test(3), other)), Pattern::ParallelTest);
}

#[test]
fn every_pattern_explains_itself_and_says_how_to_repair() {
    for pattern in Pattern::ALL {
        assert!(pattern.explanation().ends_with('.') && pattern.hint().ends_with('.'), "{pattern}");
        assert_eq!(pattern.word().parse::<Pattern>().as_ref(), Ok(pattern));
    }
    assert!("maps".parse::<Pattern>().unwrap_err().to_string().contains("concurrent-map"));
}
