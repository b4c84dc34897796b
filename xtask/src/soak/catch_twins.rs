//! `cargo xtask soak catch-twins [--minutes 60] [--budget 1%] [--only WORD]`: correct programs under catch, which must stay silent.
//!
//! The repaired twins of `corpus/catch` and the parts of `corpus/correct` share the time. A report is printed whole, and kept
//! below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use photofinish_testkit::{BuildOptions, target_dir, try_build_go, workspace_root};

use super::stage::{Stage, amount, option};
use crate::Outcome;
use crate::tools::story;

/// A correct program, and how it is started.
struct Twin {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
}

pub(super) fn catch_twins(arguments: &[String]) -> Outcome {
    let minutes = amount(option(arguments, "--minutes").unwrap_or("60"), &[])?;
    let budget = option(arguments, "--budget").unwrap_or("1%");
    let only = option(arguments, "--only").unwrap_or_default();
    let stage = Stage::new()?;
    let mut twins = twins()?;
    twins.retain(|twin| twin.name.contains(only));
    if twins.is_empty() {
        return Err(format!("no correct program has {only:?} in its name"));
    }
    let each = (minutes * 60_000 / twins.len() as u64).max(2_000);
    println!("{} programs, {:.1} s each, budget {budget}", twins.len(), each as f64 / 1e3);
    let folder = target_dir().join("catch-twins");
    fs::create_dir_all(&folder)
        .map_err(|cause| format!("cannot create {}: {cause}", folder.display()))?;
    let (mut n_reports, mut n_samples, mut n_blind) = (0, 0, 0);
    for twin in &twins {
        let (said, code) = watch(&stage, twin, each, budget)?;
        let samples = samples(&said);
        n_samples += samples;
        n_blind += u64::from(samples == 0);
        let word = match code {
            Some(0) => "silent",
            Some(1) => "REPORTED",
            _ => "NOT LOOKED AT",
        };
        println!("{:<40} {samples:>7} samples  {word}", twin.name);
        if code != Some(0) {
            n_reports += 1;
            println!("{said}");
            keep(&folder, &twin.name, &said)?;
        }
    }
    println!(
        "{n_reports} of {} programs reported or not looked at, in {minutes} minutes and {n_samples} samples; {n_blind} gave no sample",
        twins.len()
    );
    let is_good = n_reports == 0 && n_samples > 0;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All correct programs there are.
fn twins() -> Result<Vec<Twin>, String> {
    let build = |folder: &str, package: Option<&str>| {
        let options =
            BuildOptions { package: package.map(str::to_owned), ..BuildOptions::normal() };
        try_build_go(&workspace_root().join(folder), &options).map_err(|error| story(&error))
    };
    let listed = |binary: &Path| {
        let output = Command::new(binary).arg("list").output();
        let output =
            output.map_err(|cause| format!("cannot start {}: {cause}", binary.display()))?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok::<_, String>(names.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let catch = build("corpus/catch", None)?;
    let correct = build("corpus/correct", Some("./correct"))?;
    let mut twins = Vec::new();
    for name in listed(&catch)? {
        let arguments = vec![name.clone(), "repaired".to_owned()];
        twins.push(Twin { name, binary: catch.clone(), arguments });
    }
    for part in listed(&correct)? {
        let arguments = vec![part.clone(), "1000000000".to_owned()];
        twins.push(Twin { name: format!("correct/{part}"), binary: correct.clone(), arguments });
    }
    Ok(twins)
}

/// What catch said of it, and how it ended.
fn watch(
    stage: &Stage,
    twin: &Twin,
    each: u64,
    budget: &str,
) -> Result<(String, Option<i32>), String> {
    let program = stage.start("twin", Command::new(&twin.binary).args(&twin.arguments))?;
    let time = format!("{each}ms");
    let mut command = stage.photofinish();
    command.args(["catch", &program.pid().to_string(), "--for", &time, "--budget", budget]);
    let output = command.output().map_err(|cause| format!("cannot start catch: {cause}"))?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((said, output.status.code()))
}

/// The number before the word `samples`.
fn samples(said: &str) -> u64 {
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("samples"));
    at.and_then(|at| words.get(at.checked_sub(1)?)?.replace(',', "").parse().ok()).unwrap_or(0)
}

fn keep(folder: &Path, name: &str, said: &str) -> Result<(), String> {
    let path = folder.join(format!("{}.txt", name.replace('/', "-")));
    fs::write(&path, said).map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
    println!("kept in {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_samples_is_read_from_what_catch_says() {
        let said = "photofinish: process 7: 0 races in 2.0 s\nphotofinish: 1,234 samples; 5 sites";
        assert_eq!(samples(said), 1234);
        assert_eq!(samples("nothing"), 0);
    }
}
