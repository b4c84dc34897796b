//! `cargo xtask offsets`: where the fields of Go's runtime lie, by version, as a Rust table.
//!
//! Builds an empty program with every pinned Go, for both processors, reads the debug information that
//! the linker wrote into it, and writes `crates/live/goprocess/src/layout/table.rs`. To be run when
//! a new Go is pinned; its output is checked in, since stripped programs cannot tell themselves.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use photofinish_goprocess::{Binary, Layout, wait_reasons_in};
use photofinish_testkit::{
    BuildOptions, PINNED, target_dir, try_build_go, try_go_toolchain_version, workspace_root,
};

use crate::Outcome;
use crate::steps::run;
use crate::tools;

const TABLE: &str = "crates/live/goprocess/src/layout/table.rs";

/// Uses a map, a select and a timer, so that the linker keeps their types.
const PROGRAM: &str = "package main

import \"time\"

func main() {
	ages := map[string]int{}
	select {
	case at := <-time.After(time.Nanosecond):
		ages[at.String()]++
	case <-make(chan int):
	}
	println(len(ages))
}
";

/// The columns of one processor.
type Columns = Vec<Vec<Option<u16>>>;

pub(crate) fn offsets(_: &[String]) -> Outcome {
    let mut amd64 = Columns::new();
    let mut arm64 = Columns::new();
    let mut reasons = Vec::new();
    let mut versions = Vec::new();
    for pinned in PINNED {
        let minor = pinned.version.split('.').nth(1).unwrap_or_default();
        versions.push((pinned.version, minor));
        let (columns, names) = read(pinned.version, "amd64")?;
        amd64.push(columns);
        reasons.push((minor, names));
        arm64.push(read(pinned.version, "arm64")?.0);
        println!("go{}", pinned.version);
    }
    let path = workspace_root().join(TABLE);
    std::fs::write(&path, table(&versions, &amd64, &arm64, &reasons))
        .map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
    let formatted = run(std::process::Command::new("rustfmt").arg("--edition=2024").arg(&path))?;
    println!("wrote {}", path.display());
    Ok(if formatted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The offsets of one Go for one processor, and its wait reasons.
fn read(version: &str, processor: &str) -> Result<(Vec<Option<u16>>, Vec<String>), String> {
    let binary = build(version, processor)?;
    let binary = Binary::open(&binary, &binary).map_err(|error| error.to_string())?;
    let lacks = |what| format!("the program of Go {version} for {processor} has no {what}");
    let layout = Layout::from_debug_info(&binary).ok_or_else(|| lacks("debug information"))?;
    let reasons = wait_reasons_in(&binary).ok_or_else(|| lacks("wait reasons"))?;
    Ok((layout.offsets(), reasons))
}

fn build(version: &str, processor: &str) -> Result<PathBuf, String> {
    let toolchain = try_go_toolchain_version(version).map_err(|error| tools::story(&error))?;
    let folder = target_dir().join("offsets");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("main.go"), PROGRAM))
        .and_then(|()| std::fs::write(folder.join("go.mod"), "module offsets\n\ngo 1.21\n"));
    written.map_err(|cause| format!("cannot write {}: {cause}", folder.display()))?;
    let mut options = BuildOptions::normal().with(&toolchain);
    options.env = [("CGO_ENABLED", "0"), ("GOOS", "linux"), ("GOARCH", processor)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    try_build_go(&folder, &options).map_err(|error| tools::story(&error))
}

/// The table as Rust.
fn table(
    versions: &[(&str, &str)],
    amd64: &Columns,
    arm64: &Columns,
    reasons: &[(&str, Vec<String>)],
) -> String {
    let full: Vec<&str> = versions.iter().map(|(full, _)| *full).collect();
    let minors: Vec<&str> = versions.iter().map(|(_, minor)| *minor).collect();
    let mut text = format!(
        "//! A flat table: where the fields of Go's runtime lie. Made by `cargo xtask offsets` out of\n\
         //! programs built with Go {}; not to be edited.\n\n\
         use super::ABSENT as __;\n\n\
         /// The minor version of each column.\n\
         pub(super) const VERSIONS: &[u32] = &[{}];\n",
        full.join(", "),
        minors.join(", ")
    );
    for (name, columns) in [("AMD64", amd64), ("ARM64", arm64)] {
        let _ = write!(
            text,
            "\n/// Field and its offset in each of [`VERSIONS`], on {}.\n\
             #[rustfmt::skip]\npub(super) const {name}: &[(&str, &[u16])] = &[\n",
            name.to_lowercase()
        );
        for (row_idx, (field, ..)) in Layout::FIELDS.iter().enumerate() {
            let cells: Vec<String> = columns.iter().map(|column| cell(column, row_idx)).collect();
            let _ = writeln!(text, "    (\"{field}\", &[{}]),", cells.join(", "));
        }
        text.push_str("];\n");
    }
    text.push_str(
        "\n/// What the wait reasons of a Go version are called, by number.\n\
         #[rustfmt::skip]\npub(super) const WAIT_REASONS: &[(u32, &[&str])] = &[\n",
    );
    for (minor, names) in reasons {
        let _ = writeln!(text, "    ({minor}, &[");
        for names in names.chunks(4) {
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            let _ = writeln!(text, "        {},", names.join(", "));
        }
        text.push_str("    ]),\n");
    }
    text.push_str("];\n");
    text
}

fn cell(column: &[Option<u16>], row_idx: usize) -> String {
    match column.get(row_idx).copied().flatten() {
        Some(offset) => offset.to_string(),
        None => "__".to_owned(),
    }
}
