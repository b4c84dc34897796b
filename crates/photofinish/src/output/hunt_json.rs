//! What a hunt came to, for programs. Keys are a promise: docs/json.md.

use super::load_json;
use photofinish_hunt::{
    CatchOutcome, JobsOutcome, Outcome, SeenFinding, Through, Variant, VariantOutcome,
};
use photofinish_pool::Totals;
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
        "load": outcome.load().map(|load| load_json::value(load, &[])),
        "variants": outcome.variants.iter().map(|each| variant(outcome, each)).collect::<Vec<_>>(),
        "proxy": outcome.through.as_ref().map(proxy),
        "catch": outcome.catch.as_ref().map(catch),
        "jobs": outcome.jobs.as_ref().map(|each| jobs(outcome, each)),
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
        seen_by(&mut value, seen);
    }
    value
}

/// Who saw it, and as fields of its own who was the first.
fn seen_by(value: &mut Value, seen: &SeenFinding) {
    let by = seen.by.iter().map(|by| {
        json!({
            "variant": by.variant.word(),
            "sightings": by.sightings,
            "first_after_ms": by.first_after.as_millis() as u64,
        })
    });
    value["seen_by"] = by.collect();
    value["sightings"] = json!(seen.by.iter().map(|by| by.sightings).sum::<u64>());
    if let Some(first) = seen.by.first() {
        value["variant"] = json!(first.variant.word());
        value["first_after_ms"] = json!(first.first_after.as_millis() as u64);
    }
}

/// What the proxy counted, as its own `/status` says it, and what callers lost to the canary.
fn proxy(through: &Through) -> Value {
    let mut value = through.status.to_json();
    value["differences"] = json!(through.differences);
    value["lost_to_the_canary"] = json!(through.lost_to_the_canary());
    value
}

/// What `catch` did on the normal build.
fn catch(catch: &CatchOutcome) -> Value {
    json!({
        "looked_ms": catch.looked.as_millis() as u64,
        "samples": catch.samples,
        "share": catch.share,
        "failure": catch.failure,
    })
}

/// What became of the queue.
fn jobs(outcome: &Outcome, jobs: &JobsOutcome) -> Value {
    let (findings, first) = outcome.found_by(Variant::Jobs);
    let workers = |totals: &Totals| {
        json!({
            "starts": totals.starts,
            "crashes": totals.crashes,
            "recycled": totals.recycled,
            "reports": totals.reports,
            "peak_memory": totals.peak_memory,
            "history_size": totals.history_size,
        })
    };
    json!({
        "source": jobs.source,
        "broker": jobs.broker,
        "every": jobs.every,
        "seen": jobs.seen,
        "race": jobs.to_race,
        "handed_back": jobs.handed_back,
        "normal_worker": workers(&jobs.normal),
        "race_workers": workers(&jobs.race),
        "findings": findings,
        "first_finding_after_ms": first.map(|first| first.as_millis() as u64),
        "log": jobs.log,
        "failure": jobs.failure,
    })
}

fn variant(outcome: &Outcome, variant: &VariantOutcome) -> Value {
    let (findings, first) = outcome.found_by(variant.variant);
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
        "load": variant.load.as_ref().map(|load| load_json::value(load, &[])),
        "findings": findings,
        "first_finding_after_ms": first.map(|first| first.as_millis() as u64),
    })
}
