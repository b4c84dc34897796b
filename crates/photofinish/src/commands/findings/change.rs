//! `photofinish findings ack`, `close` and `reopen`: what a person decides.

use super::{print, time};
use crate::commands::place::{StoreArgs, store_error};
use crate::exit::ExitStatus;
use crate::output::{self, short_id, style};
use clap::Args;
use jiff::Timestamp;
use photofinish_store::{Action, Decision};

/// What every decision takes.
#[derive(Debug, Args)]
struct DecisionArgs {
    /// The findings' ids, or as much of their beginnings as is unique
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Who decides
    #[arg(long, env = "PHOTOFINISH_BY", hide_env_values = true, value_name = "WHO", default_value_t = user())]
    by: String,
    /// Why
    #[arg(
        long,
        visible_alias = "reason",
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    why: String,
}

#[derive(Debug, Args)]
pub(crate) struct AckArgs {
    #[command(flatten)]
    decision: DecisionArgs,
    /// Hear nothing of them until then (2d, 2026-12-24); needs --why
    #[arg(long, value_name = "TIME", value_parser = time::after_now, requires = "why")]
    mute_until: Option<Timestamp>,
    /// Whose they are from now on, instead of what CODEOWNERS says (may be repeated)
    #[arg(long, value_name = "OWNER")]
    owner: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    #[command(flatten)]
    decision: DecisionArgs,
    /// The first build with the repair: a sighting in a later one reopens them
    #[arg(long, value_name = "BUILD", required_unless_present = "why")]
    fixed_in: Option<String>,
    /// They will not be repaired: suppress them; needs --why
    #[arg(long, conflicts_with = "fixed_in", requires = "why")]
    wont_fix: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReopenArgs {
    #[command(flatten)]
    decision: DecisionArgs,
}

pub(super) fn acknowledge(args: AckArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    let mut actions = vec![match args.mute_until {
        Some(until) => Action::Mute { until },
        None => Action::Acknowledge,
    }];
    if !args.owner.is_empty() {
        actions.push(Action::Assign { owners: args.owner });
    }
    decide(args.decision, &actions, store)
}

pub(super) fn close(args: CloseArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    let action = match args.wont_fix {
        true => Action::WontFix,
        false => Action::Fix { fixed_in: args.fixed_in },
    };
    decide(args.decision, &[action], store)
}

pub(super) fn reopen(args: ReopenArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    decide(args.decision, &[Action::Reopen], store)
}

/// Does `actions` to all the findings, or nothing if one id is not known or one is refused, and says what
/// became of each.
fn decide(args: DecisionArgs, actions: &[Action], place: &StoreArgs) -> anyhow::Result<ExitStatus> {
    let mut store = place.open_existing()?;
    let mut ids = Vec::new();
    for id in &args.ids {
        let id = store.resolve(id).map_err(store_error)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let decision = Decision { by: args.by, why: args.why, at: Timestamp::now() };
    let mut text = String::new();
    for action in actions {
        store.change(&ids, action, &decision).map_err(store_error)?;
    }
    for id in &ids {
        let finding = store.finding(id).map_err(store_error)?;
        text.push_str(&format!(
            "{}  {}  {}\n  {}\n",
            style::paint(style::BOLD, short_id(&finding)),
            style::paint(style::of_state(finding.state), finding.state.word()),
            style::clean(&finding.title),
            output::next_step(&finding),
        ));
    }
    print(&text)
}

/// Who is at the terminal, as far as the environment says.
fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned())
}
