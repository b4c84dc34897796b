use super::*;

fn hear(lines: &[&str]) -> (Listener, Vec<String>) {
    let mut listener = Listener::default();
    let passed = lines.iter().flat_map(|line| listener.hear((*line).to_owned())).collect();
    (listener, passed)
}

#[test]
fn what_the_compiler_tells_is_kept_by_package_and_the_rest_is_passed_on() {
    let (listener, passed) = hear(&[
        "os",
        "# os",
        "/go/src/os/exec.go:91:23: intrinsic substitution for LoadInt32 with v17 = AtomicLoad32 <uint32,mem> v16 v11",
        "/go/src/os/dir.go:87:21: intrinsic substitution for KeepAlive with v177 = KeepAlive <mem> v176 v173",
        "example.com/shop",
        "# example.com/shop",
        "./main.go:3:2: undefined: x",
    ]);
    assert_eq!(
        passed,
        ["os", "example.com/shop", "# example.com/shop", "./main.go:3:2: undefined: x"]
    );
    let os: Vec<&str> = listener.replaced["os"].iter().map(String::as_str).collect();
    assert_eq!(os, ["KeepAlive", "LoadInt32"]);
    assert_eq!(listener.replaced.len(), 1);
}

#[test]
fn the_operations_of_sync_atomic_are_told_from_those_of_the_runtime() {
    for name in ["LoadInt32", "StorePointer", "CompareAndSwapUintptr", "AddUint64", "OrUint32"] {
        assert!(is_atomic(name), "{name}");
    }
    for name in ["Load", "Loadp", "Casp1", "KeepAlive", "Add64", "Len64", "LoadInt32x8"] {
        assert!(!is_atomic(name), "{name}");
    }
}

#[test]
fn an_intrinsic_nobody_told_us_of_is_not_taken_to_work_as_a_call() {
    assert!(has_body("TrailingZeros64") && has_body("StorepNoWB"));
    assert!(!has_body("boolToUint8") && !has_body("LoadInt32x8"));
}

#[test]
fn the_last_pattern_of_the_user_that_matches_gives_the_flags() {
    let user = UserGcflags(vec![
        (None, "-N".to_owned()),
        (Some(HashSet::from(["fmt".to_owned()])), "-l".to_owned()),
    ]);
    let left_out = BTreeMap::from([("fmt".to_owned(), true), ("sort".to_owned(), false)]);
    let choice = Choice { left_out, user };
    assert_eq!(
        choice.gcflags(),
        [
            "fmt=-l -race=false -d=ssa/intrinsics/off",
            "sort=-N -race=false -d=ssa/intrinsics/debug=1"
        ]
    );
}

#[test]
fn a_package_that_turns_out_to_hide_atomics_is_instrumented_after_all() {
    let left_out = BTreeMap::from([("fmt".to_owned(), true), ("sort".to_owned(), false)]);
    let mut choice = Choice { left_out, user: UserGcflags::default() };
    let (quiet, _) = hear(&["# sort", "x.go:1:1: intrinsic substitution for Len64 with v1"]);
    assert!(!choice.learn(&quiet));
    let (loud, _) = hear(&["# sort", "x.go:1:1: intrinsic substitution for AddInt32 with v1"]);
    assert!(choice.learn(&loud));
    let left: Vec<String> = choice.left_out().into_iter().map(|out| out.package).collect();
    assert_eq!(left, ["fmt"]);
}
