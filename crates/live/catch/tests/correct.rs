//! Correct programs: whatever they look like from outside, nothing is reported.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says why")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use photofinish_testkit::{BuildOptions, Toolchain, go_toolchain, target_dir};
use support::{built, may_catch, started, texts, watched};

#[test]
fn what_is_ordered_in_any_way_is_not_reported() {
    if !may_catch() {
        return;
    }
    let target = started(&built("ordered", &BuildOptions::normal()), &["all"]);
    let outcome = watched(&target, Duration::from_secs(12), |_| true);
    assert_eq!(texts(&outcome), "");
    // A machine with much else to do reaches few; one that looked nowhere proves nothing.
    assert!(outcome.effort.reached > 10, "{:?}", outcome.effort);
}

#[test]
fn counters_of_coverage_are_counted_without_order_on_purpose() {
    if !may_catch() {
        return;
    }
    let options = BuildOptions::normal().flag("-cover").flag("-covermode=count");
    let target = started(&built("ordered", &options), &["mutex", "readonly"]);
    let outcome = watched(&target, Duration::from_secs(4), |_| true);
    assert_eq!(texts(&outcome), "");
    assert!(outcome.effort.reached > 2, "{:?}", outcome.effort);
}

#[test]
fn what_the_race_detectors_own_suite_calls_no_race_is_not_reported() {
    if !may_catch() {
        return;
    }
    let suite = no_race_suite(go_toolchain());
    let program = photofinish_testkit::build_go(&suite, &BuildOptions::normal());
    let target = started(&program, &[]);
    let outcome = watched(&target, Duration::from_secs(12), |_| true);
    assert_eq!(texts(&outcome), "");
    assert!(outcome.effort.reached > 10, "{:?}", outcome.effort);
}

/// A program that runs every `TestNoRace…` of GOROOT/src/runtime/race/testdata again and again, all side by side. They
/// come with every toolchain.
fn no_race_suite(toolchain: &Toolchain) -> PathBuf {
    let root = toolchain.command(&target_dir()).args(["env", "GOROOT"]).output().unwrap();
    let root = PathBuf::from(String::from_utf8(root.stdout).unwrap().trim());
    let to = target_dir().join("go-programs/sources/norace").join(&toolchain.version);
    fs::create_dir_all(&to).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("src/runtime/race/testdata")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        // What needs a race build, cgo or an internal package, and the suite's own main function.
        let is_special = ["\"internal/", "import \"C\"", "package main", "func TestMain("];
        if !name.ends_with("_test.go") || is_special.iter().any(|part| text.contains(part)) {
            continue;
        }
        let text = text.replace("package race_test", "package main");
        let text = text.replace("runtime.RaceDisable()", "").replace("runtime.RaceEnable()", "");
        names.extend(text.split("\nfunc ").filter_map(|function| {
            let name = function.split('(').next()?;
            // Their own suite leaves out what it skips; its HTTP test wants a `testing.T` that is one.
            let is_run = !function.contains("t.Skip(") && name != "TestNoRaceIOHttp";
            (name.starts_with("TestNoRace") && is_run).then(|| name.to_owned())
        }));
        fs::write(to.join(name.replace("_test.go", "_suite.go")), text).unwrap();
    }
    assert!(names.len() > 100, "{names:?}");
    let list: String = names.iter().map(|name| format!("\t\t{name},\n")).collect();
    let main = format!(
        "package main\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\n\
         func main() {{\n\tfor _, test := range []func(*testing.T){{\n{list}\t}} {{\n\
         \t\tgo func(test func(*testing.T)) {{\n\t\t\tfor {{\n\t\t\t\ttest(&testing.T{{}})\n\
         \t\t\t\ttime.Sleep(100 * time.Microsecond)\n\t\t\t}}\n\t\t}}(test)\n\t}}\n\
         \tprintln(\"READY\")\n\tselect {{}}\n}}\n"
    );
    fs::write(to.join("main.go"), main).unwrap();
    let language: Vec<&str> =
        toolchain.version.trim_start_matches("go").split('.').take(2).collect();
    fs::write(to.join("go.mod"), format!("module norace\n\ngo {}\n", language.join("."))).unwrap();
    to
}
