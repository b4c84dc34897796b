//! `matrix --format json` (docs/json.md).

use photofinish_matrix::stats::{Middle, Rate};
use photofinish_matrix::{Cell, Comparison, Outcome};
use serde_json::{Value, json};
use std::io::Write;

/// Prints the matrix as one object.
pub(crate) fn print(outcome: &Outcome) -> std::io::Result<()> {
    let conditions = &outcome.conditions;
    let columns: Vec<String> = outcome.columns.iter().map(|column| column.word()).collect();
    let value = json!({
        "service": outcome.service,
        "toolchains": outcome.toolchains,
        "columns": columns,
        "trials": outcome.trials,
        "partial": outcome.is_partial,
        "took_s": outcome.took_s,
        "conditions": {
            "gomaxprocs": conditions.gomaxprocs,
            "processors": conditions.processors,
            "processor": conditions.processor,
            "kernel": conditions.kernel,
            "load": conditions.load,
            "symptom": conditions.symptoms,
            "seed": conditions.seed,
        },
        "cells": outcome.cells.iter().map(cell).collect::<Vec<_>>(),
        "comparisons": outcome.comparisons.iter().map(comparison).collect::<Vec<_>>(),
        "words": outcome.words,
    });
    let mut out = anstream::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)
}

fn cell(cell: &Cell) -> Value {
    let kinds: serde_json::Map<String, Value> = cell
        .symptoms
        .iter()
        .map(|(what, n)| (what.replace(' ', "_").to_lowercase(), json!(n)))
        .collect();
    json!({
        "toolchain": cell.toolchain,
        "column": cell.column.word(),
        "trials": cell.trials,
        "not_run": cell.failed.0,
        "not_run_because": cell.failed.1,
        "symptom": cell.symptom.map(rate),
        "symptoms": kinds,
        "detection": cell.detection.map(rate),
        "races": cell.n_races,
        "first_ms": cell.first_ms.map(middle),
        "p50_ms": cell.p50_ms.map(middle),
        "p99_ms": cell.p99_ms.map(middle),
        "cpu_ms_per_request": cell.cpu_ms.map(middle),
        "memory_bytes": cell.memory.map(middle),
    })
}

fn rate(rate: Rate) -> Value {
    let (low, high) = rate.interval();
    json!({ "hits": rate.hits, "trials": rate.n, "share": rate.share(), "low": low, "high": high })
}

fn middle(middle: Middle) -> Value {
    json!({ "median": middle.median, "low": middle.low, "high": middle.high, "trials": middle.n })
}

fn comparison(pair: &Comparison) -> Value {
    json!({
        "column": pair.column.word(),
        "from": pair.from,
        "to": pair.to,
        "difference": pair.difference.seen,
        "low": pair.difference.low,
        "high": pair.difference.high,
        "p": pair.p,
        "p_corrected": pair.p_corrected,
        "differs": pair.differs(),
    })
}
