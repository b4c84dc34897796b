//! `cargo xtask soak webhook-hour [--minutes 60]`: a receiver of webhooks that is down for a whole hour.
//!
//! `bench/serve` does it, and says what is promised. It waits most of the time, and goes on for some minutes after the
//! hour: the next try may be five minutes away by then.

use std::process::ExitCode;

use photofinish_testkit::target_dir;

use super::stage::option;
use crate::Outcome;
use crate::steps::run;
use crate::tools;

pub(super) fn webhook_hour(arguments: &[String]) -> Outcome {
    let Some(photofinish) = tools::photofinish()? else { return Ok(ExitCode::FAILURE) };
    if !run(tools::cargo()?.args(["build", "--package", "bench-serve"]))? {
        return Ok(ExitCode::FAILURE);
    }
    let mut command = tools::command(target_dir().join("debug/bench-serve"))?;
    command.env("PHOTOFINISH", &photofinish);
    command.args(["--webhook-away", option(arguments, "--minutes").unwrap_or("60")]);
    Ok(if run(&mut command)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
