//! `cargo xtask bench NAME [--record] [OPTION…]`: runs `bench/NAME/run OPTION…` and prints its table.
//!
//! A benchmark is an executable that prints Markdown on stdout and talk on stderr; `bench/README.md`
//! has the conventions. It finds a release build of photofinish in `$PHOTOFINISH` (made now, unless the variable
//! names one already) and Go on PATH. `--record`
//! puts the table between its markers in `bench/RESULTS.md`, with the machine and the commit above it.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use photofinish_testkit::{target_dir, workspace_root};

use crate::markdown::replace_section;
use crate::{Outcome, tools};

/// The benchmarks there are.
pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(workspace_root().join("bench")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("run").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn bench(arguments: &[String]) -> Outcome {
    let record = arguments.iter().any(|argument| argument == "--record");
    let mut rest = arguments.iter().filter(|argument| *argument != "--record");
    let Some(name) = rest.next().filter(|name| names().contains(name)) else {
        return Err(format!(
            "cargo xtask bench NAME [--record] [OPTION…], where NAME is one of {}",
            names().join(", ")
        ));
    };
    let Some(photofinish) = tools::photofinish()? else { return Ok(ExitCode::FAILURE) };
    let folder = workspace_root().join("bench").join(name);
    let output = tools::command(folder.join("run"))?
        .args(rest)
        .env("PHOTOFINISH", photofinish)
        .env("CARGO_TARGET_DIR", target_dir())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("cannot start {}: {cause}", folder.join("run").display()))?;
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}");
    if !output.status.success() {
        return Err(format!("bench/{name}/run failed with {}; nothing recorded", output.status));
    }
    if record {
        let path = workspace_root().join("bench/RESULTS.md");
        self::record(&path, name, &format!("{}\n\n{}", machine(), table.trim()))?;
        println!("recorded in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn record(path: &PathBuf, name: &str, content: &str) -> Result<(), String> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => "# Results\n".to_owned(),
        Err(cause) => return Err(format!("cannot read {}: {cause}", path.display())),
    };
    std::fs::write(path, replace_section(&before, name, content))
        .map_err(|cause| format!("cannot write {}: {cause}", path.display()))
}

/// What the figures were measured on: processor, cores, kernel, Go, commit.
fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The number only: what follows names a distributor's build.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let go = tools::go().map(|toolchain| toolchain.version.clone()).unwrap_or_default();
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(workspace_root())
        .output();
    let commit = git
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    format!("Measured on {model}, {n_cores} cores, Linux {kernel}, Go {go}, at commit {commit}.")
}
