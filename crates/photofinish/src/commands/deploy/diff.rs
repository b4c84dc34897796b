//! `photofinish deploy diff`: what applying would change, as kubectl and the API server see it.

use super::Flags;
use super::kubectl::{Cluster, unreachable};
use crate::exit::ExitStatus;
use anyhow::Context;
use photofinish_deploy::stream;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan()?;
    let objects = args.flags.objects(&plan)?;
    args.cluster.greet()?;
    let output = args.cluster.diff(&stream(&objects))?;
    anstream::stdout().lock().write_all(&output.stdout).context("cannot write to stdout")?;
    match output.status.code() {
        Some(0) => Ok(ExitStatus::Success),
        Some(1) => Ok(ExitStatus::Found),
        _ => Err(unreachable(&output)),
    }
}
