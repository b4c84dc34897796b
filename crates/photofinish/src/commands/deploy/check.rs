//! `photofinish deploy check`: every object of the configuration, held against what the cluster has.

use super::Flags;
use super::kubectl::{Answer, Cluster};
use crate::commands::{Format, text_or_json};
use crate::exit::ExitStatus;
use anyhow::Context;
use photofinish_deploy::Object;
use photofinish_deploy::compare::{State, state};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    cluster: Cluster,
    /// How it is printed
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

/// An object, how it stands, and whether its pods are there.
struct Looked {
    object: Object,
    state: State,
    /// Why it is missing or unknown, if that is known.
    why: Option<String>,
    /// Ready pods, and wanted ones.
    pods: Option<(u64, u64)>,
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan()?;
    let objects = args.flags.objects(&plan)?;
    args.cluster.greet()?;
    let mut looked = Vec::new();
    for object in objects {
        let (state, why, pods) = match args.cluster.get(&object)? {
            Answer::Found(found) => (state(&object, Some(&found)), None, pods(&found)),
            Answer::Missing(why) => (State::Missing, why, None),
            Answer::Forbidden => {
                (State::Unknown, Some("may not be read with this login".to_owned()), None)
            }
        };
        looked.push(Looked { object, state, why, pods });
    }
    let text = match args.format {
        Format::Json => serde_json::to_string_pretty(&as_json(&looked))? + "\n",
        _ => as_text(&looked),
    };
    anstream::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(if looked.iter().all(|looked| looked.state == State::Unknown) {
        ExitStatus::CouldNot
    } else if looked.iter().all(Looked::is_as_wanted) {
        ExitStatus::Success
    } else {
        ExitStatus::Found
    })
}

impl Looked {
    fn is_as_wanted(&self) -> bool {
        // What may not be read is no proof of anything: it is said, and not counted.
        matches!(self.state, State::Same | State::Unknown)
            && self.pods.is_none_or(|(ready, wanted)| ready >= wanted)
    }

    fn word(&self) -> &'static str {
        match &self.state {
            State::Same if self.is_as_wanted() => "same",
            State::Same => "not ready",
            State::Missing => "missing",
            State::Differs(_) => "differs",
            State::Unknown => "unknown",
        }
    }
}

/// Of a Deployment.
fn pods(found: &Value) -> Option<(u64, u64)> {
    if found["kind"] != "Deployment" {
        return None;
    }
    let wanted = found["spec"]["replicas"].as_u64().unwrap_or(1);
    Some((found["status"]["readyReplicas"].as_u64().unwrap_or(0), wanted))
}

fn as_text(looked: &[Looked]) -> String {
    let width = looked.iter().map(|looked| looked.object.id().len()).max().unwrap_or(0);
    let mut text = String::new();
    for looked in looked {
        let pods = looked
            .pods
            .map_or(String::new(), |(ready, wanted)| format!("  {ready} of {wanted} pods ready"));
        let _ = writeln!(text, "{:<9}  {:<width$}{pods}", looked.word(), looked.object.id());
        if let State::Differs(differences) = &looked.state {
            for difference in differences {
                let _ = writeln!(text, "           {difference}");
            }
        }
        if let Some(why) = &looked.why {
            let _ = writeln!(text, "           {why}");
        }
    }
    let n_wrong = looked.iter().filter(|looked| !looked.is_as_wanted()).count();
    let n_unknown = looked.iter().filter(|looked| looked.state == State::Unknown).count();
    let n = looked.len();
    text.push('\n');
    if n_unknown > 0 {
        let _ = writeln!(text, "{n_unknown} of {n} objects could not be looked at.");
    }
    let _ = match n_wrong {
        0 if n_unknown == n => Ok(()),
        0 => writeln!(text, "What runs is what the configuration says."),
        _ => writeln!(
            text,
            "{n_wrong} of {n} objects are not as configured; `photofinish deploy diff` shows what applying would change."
        ),
    };
    text
}

fn as_json(looked: &[Looked]) -> Value {
    let object = |looked: &Looked| {
        let differences = match &looked.state {
            State::Differs(differences) => differences
                .iter()
                .map(|difference| json!({"at": difference.at, "wanted": difference.wanted, "found": difference.found}))
                .collect(),
            _ => Vec::new(),
        };
        json!({
            "kind": looked.object.kind(),
            "name": looked.object.name(),
            "namespace": looked.object.namespace(),
            "state": looked.word(),
            "differences": differences,
            "because": looked.why,
            "pods": looked.pods.map(|(ready, wanted)| json!({"ready": ready, "wanted": wanted})),
        })
    };
    json!({"objects": looked.iter().map(object).collect::<Vec<_>>(), "as_configured": looked.iter().all(Looked::is_as_wanted)})
}
