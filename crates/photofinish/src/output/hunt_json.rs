//! What a hunt came to, for programs. Keys are a promise: docs/json.md.

use super::load_json;
use photofinish_hunt::{Outcome, VariantOutcome};
use photofinish_store::Finding;
use photofinish_store::json::{FindingJson, RaceJson};
use serde_json::{Value, json};
use std::io::Write;

/// Prints `outcome` as one JSON object on stdout.
pub(crate) fn print(outcome: &Outcome, findings: &[Finding]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let findings: Vec<Value> =
        findings.iter().map(|finding| self::finding(outcome, finding)).collect();
    let value = json!({
        "findings": findings,
        "load": outcome.race().map(|race| load_json::value(&race.load, &[])),
        "variants": outcome.variants.iter().map(variant).collect::<Vec<_>>(),
        "go_version": outcome.go_version,
        "light": outcome.light,
    });
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)
}

/// A race as `report parse` shows it, and beside it what the store and this hunt know of it.
fn finding(outcome: &Outcome, finding: &Finding) -> Value {
    let mut value = json!(RaceJson::classified(&finding.race, finding.pattern));
    let kept = json!(FindingJson::from(finding));
    if let (Value::Object(value), Value::Object(kept)) = (&mut value, kept) {
        for (key, field) in kept {
            if key != "race" {
                value.entry(key).or_insert(field);
            }
        }
    }
    if let Some(seen) = outcome.findings.iter().find(|seen| seen.fingerprint == finding.fingerprint)
    {
        value["new"] = json!(seen.new);
        value["regressed"] = json!(seen.regressed);
        value["variant"] = json!(seen.variant.word());
        value["sightings"] = json!(seen.sightings);
        value["first_after_ms"] = json!(seen.first_after.as_millis() as u64);
    }
    value
}

fn variant(variant: &VariantOutcome) -> Value {
    json!({
        "name": variant.variant.word(),
        "binary": variant.binary,
        "binary_size": variant.binary_size,
        "log": variant.log,
        "starts": variant.starts,
        "end": variant.end,
        "reports": variant.reports,
        "left_in_spool": variant.left_in_spool,
        "peak_memory": variant.peak_memory,
        "history_size": variant.history_size,
        "load": load_json::value(&variant.load, &[]),
    })
}
