//! `cargo xtask house`: the house rules that no linter knows (STYLE of the project, by machine).
//!
//! Files open with what they are for, stay short (tests and tables may be long), nothing is left to
//! do, and `unsafe` lives in one room. Says where, and what is wanted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use photofinish_testkit::workspace_root;

use crate::Outcome;
use crate::steps::Tally;

/// Lines of a source file before its tests: where we say so, and where we refuse.
const LONG: usize = 250;
const TOO_LONG: usize = 450;

/// The only crate with `unsafe` in it.
const UNSAFE_ROOM: &str = "crates/live/sys/";

/// Words that say that something is unfinished; written so that this file does not hold them.
const LEFT_TO_DO: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

pub(crate) fn house(_: &[String]) -> Outcome {
    Ok(if check().failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One check over the whole tree.
pub(crate) fn check() -> Tally {
    let root = workspace_root();
    let mut files = Vec::new();
    walk(root, &mut files);
    files.sort();
    let mut complaints = Vec::new();
    let mut n_long = 0;
    for path in &files {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        if let Ok(text) = std::fs::read_to_string(path) {
            judge(&name, &text, &mut complaints);
            n_long += usize::from(
                name.ends_with(".rs")
                    && length(&text) > LONG
                    && !is_test(&name)
                    && !is_table(&text),
            );
        }
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!(
        "{} files, {} complaints; {n_long} longer than {LONG} lines",
        files.len(),
        complaints.len()
    );
    Tally::of(complaints.is_empty())
}

/// What there is to say about a file.
fn judge(name: &str, text: &str, complaints: &mut Vec<String>) {
    for (line_idx, line) in text.lines().enumerate() {
        if LEFT_TO_DO.iter().any(|word| line.contains(word)) {
            complaints.push(format!("{name}:{}: left to do; do it or file an issue", line_idx + 1));
        }
    }
    if !name.ends_with(".rs") {
        return;
    }
    if !text.starts_with("//!") && !is_test(name) {
        complaints
            .push(format!("{name}:1: does not open with a //! paragraph saying what it is for"));
    }
    let is_crate_root = name.ends_with("src/lib.rs") || name.ends_with("src/main.rs");
    if is_crate_root && !name.starts_with(UNSAFE_ROOM) && !text.contains("#![forbid(unsafe_code)]")
    {
        complaints.push(format!("{name}:1: without #![forbid(unsafe_code)]"));
    }
    let is_unsafe = |line: &str| {
        ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| line.contains(word))
    };
    if !name.starts_with(UNSAFE_ROOM) && !name.ends_with("house.rs") && text.lines().any(is_unsafe)
    {
        complaints.push(format!("{name}: unsafe, whose room is {UNSAFE_ROOM}"));
    }
    let n_lines = length(text);
    if n_lines > TOO_LONG && !is_test(name) && !is_table(text) {
        complaints.push(format!(
            "{name}: {n_lines} lines before its tests, more than {TOO_LONG}; it is two thoughts"
        ));
    }
}

/// Lines before the tests.
fn length(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs")
        || name.contains("/tests/")
        || name.contains("/benches/")
        || name.contains("/examples/")
}

/// A file whose head calls it a table.
fn is_table(text: &str) -> bool {
    text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("table"))
}

/// Our sources and pages: no build output, nothing hidden but `.ci`.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir()
            && name != "target"
            && name != "samples"
            && (!name.starts_with('.') || name == ".ci")
        {
            walk(&entry.path(), files);
        } else if kind.is_file()
            && [".rs", ".go", ".toml", ".md", ".sh", ".py"].iter().any(|end| name.ends_with(end))
        {
            files.push(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(name: &str, text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        judge(name, text, &mut complaints);
        complaints
    }

    #[test]
    fn a_file_that_follows_the_rules_is_left_in_peace() {
        assert!(complaints("crates/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]\n").is_empty());
        assert!(
            complaints("crates/a/src/tests.rs", &format!("//! A.\n{}", "\n".repeat(999)))
                .is_empty()
        );
        assert!(
            complaints("crates/a/src/b.rs", &format!("//! A flat table.\n{}", "\n".repeat(999)))
                .is_empty()
        );
    }

    #[test]
    fn each_rule_complains_about_its_own() {
        assert!(complaints("crates/a/src/b.rs", "use x;\n")[0].contains("does not open"));
        assert!(complaints("crates/a/src/lib.rs", "//! A.\n")[0].contains("forbid"));
        assert!(
            complaints("crates/a/src/b.rs", &format!("//! A.\n{}", "\n".repeat(500)))[0]
                .contains("501 lines")
        );
        assert!(complaints("crates/a/src/b.rs", "//! A.\nunsafe { x() }\n")[0].contains("room"));
        assert!(
            complaints("docs/a.md", concat!("TO", "DO later\n"))[0].starts_with("docs/a.md:1:")
        );
    }
}
