//! `cargo xtask soak serve-fleet [--processes 1000] [--reports 60] [--kills 10]`: a fleet that reports to one `serve`.
//!
//! Once with the findings in a file and once in a Postgres, each of them killed meanwhile; `bench/serve` does it. It is
//! `serve` that is put to the test, so the reporters are built as quickly as can be.

use std::process::ExitCode;

use photofinish_testkit::target_dir;

use super::stage::option;
use crate::Outcome;
use crate::steps::run;
use crate::tools;

pub(super) fn serve_fleet(arguments: &[String]) -> Outcome {
    tools::brokers();
    let Some(photofinish) = tools::photofinish()? else { return Ok(ExitCode::FAILURE) };
    if !run(tools::cargo()?.args(["build", "--package", "bench-serve"]))? {
        return Ok(ExitCode::FAILURE);
    }
    let reporter = target_dir().join("debug/bench-serve");
    let mut is_good = true;
    for place in [&[][..], &["--postgres"]] {
        let mut command = tools::command(&reporter)?;
        command.env("PHOTOFINISH", &photofinish).args(place);
        command.args(["--fleet", option(arguments, "--processes").unwrap_or("1000")]);
        for (flag, usual) in [("--reports", "60"), ("--kills", "10")] {
            command.args([flag, option(arguments, flag).unwrap_or(usual)]);
        }
        is_good &= run(&mut command)?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
