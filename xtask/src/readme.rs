//! `cargo xtask readme`: runs what README.md tells its readers to type.
//!
//! Every fenced block whose first word is `sh` is run, in order, by `bash -euo pipefail` in one copy
//! of the tree (what git knows or would), with the photofinish just built and Go on PATH. `sh skip` is left
//! alone, `sh exit=1` must end with 1, `sh needs=catch` is left alone on a machine where races cannot be caught. A `console` block shows a session and is not run. `cargo xtask
//! test` in a block is skipped: it is what runs us.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use photofinish_testkit::{may_catch, target_dir, temp_dir, workspace_root};

use crate::markdown::{Block, blocks};
use crate::steps::{Tally, run, seconds};
use crate::{Outcome, tools};

pub(crate) fn readme(_: &[String]) -> Outcome {
    let tally = check()?;
    println!("{}", tally.line());
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A check per block.
pub(crate) fn check() -> Result<Tally, String> {
    let path = workspace_root().join("README.md");
    let text = std::fs::read_to_string(&path)
        .map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
    let runnable: Vec<Block> = blocks(&text).into_iter().filter(is_runnable).collect();
    if !run(tools::cargo()?.args(["build", "--quiet", "--package", "photofinish"]))? {
        return Ok(Tally::FAILED);
    }
    let copy = temp_dir();
    copy_tree(copy.path())?;
    let mut tally = Tally::default();
    for block in &runnable {
        println!("README.md:{}: {}", block.line, block.text.trim_end().replace('\n', "\n    "));
        let start = Instant::now();
        let ended = run_block(block, copy.path())?;
        let ok = ended == Some(expected_exit(block));
        println!(
            "README.md:{}: exit {ended:?} after {}{}",
            block.line,
            seconds(start),
            if ok { "" } else { ": FAILED" }
        );
        tally.add(Tally::of(ok));
    }
    Ok(tally)
}

fn is_runnable(block: &Block) -> bool {
    let mut words = block.info.split_whitespace();
    words.next() == Some("sh")
        && !words.any(|word| word == "skip" || word == "needs=catch" && !may_catch())
        && !block.text.contains("cargo xtask test")
}

fn expected_exit(block: &Block) -> i32 {
    let words = block.info.split_whitespace();
    words
        .filter_map(|word| word.strip_prefix("exit="))
        .find_map(|code| code.parse().ok())
        .unwrap_or(0)
}

/// Copies every file that is tracked, or new and not ignored.
fn copy_tree(into: &Path) -> Result<(), String> {
    let script = r#"git ls-files -z --cached --others --exclude-standard --deduplicate |
        while IFS= read -r -d '' file; do if [ -f "$file" ]; then printf '%s\0' "$file"; fi; done |
        tar --null --files-from=- --create | tar --extract --directory "$0""#;
    let status = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .arg(into)
        .current_dir(workspace_root())
        .status()
        .map_err(|cause| format!("cannot start bash: {cause}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("cannot copy the tree, for which git and tar are needed".to_owned())
    }
}

fn run_block(block: &Block, folder: &Path) -> Result<Option<i32>, String> {
    let mut command = tools::command("bash")?;
    let mut path = target_dir().join("debug").into_os_string();
    path.push(":");
    path.push(tools::go()?.path());
    command
        .args(["-euo", "pipefail", "-c", &block.text])
        .current_dir(folder)
        .env("PATH", path)
        // Dependencies compiled here need not be compiled there again.
        .env("CARGO_TARGET_DIR", target_dir())
        .stdin(Stdio::null());
    for leaked in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "PHOTOFINISH_STORE", "PHOTOFINISH_SPOOL"]
    {
        command.env_remove(leaked);
    }
    Ok(command.status().map_err(|cause| format!("cannot start bash: {cause}"))?.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shell_blocks_are_run_and_never_ourselves() {
        let text = "```sh\na\n```\n```sh skip\nb\n```\n```console\n$ c\n```\n```sh exit=1\nd\n```\n```sh\ncargo xtask test\n```\n";
        let runnable: Vec<Block> = blocks(text).into_iter().filter(is_runnable).collect();
        let texts: Vec<&str> = runnable.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["a\n", "d\n"]);
        assert_eq!(runnable.iter().map(expected_exit).collect::<Vec<_>>(), [0, 1]);
    }
}
