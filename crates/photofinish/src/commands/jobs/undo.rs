//! `photofinish jobs undo`: as if nobody had ever sampled.

use super::{Flags, wait};
use crate::exit::ExitStatus;
use crate::output::jobs as text;

#[derive(Debug, clap::Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn undo(args: &UndoArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan(None)?;
    let undone = wait(photofinish_jobs::undo(&plan))?;
    text::undone(&plan, undone).iter().for_each(|line| text::say(line));
    Ok(ExitStatus::Success)
}
