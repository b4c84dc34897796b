//! `photofinish proxy --check`: what the configuration would do, and whether the files it names serve.

use super::serve::start_error;
use crate::exit::ExitStatus;
use crate::output;
use anyhow::Context;
use jiff::Timestamp;
use photofinish_proxy::Proxy;
use photofinish_proxy::plan::Plan;
use std::io::Write;

pub(super) fn check(plan: &Plan) -> anyhow::Result<ExitStatus> {
    Proxy::check(plan).map_err(|error| start_error(error, plan))?;
    let width = output::style::terminal_width().unwrap_or(100);
    let text = output::proxy::plan::text(plan, Timestamp::now(), width);
    anstream::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}
