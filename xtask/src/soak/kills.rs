//! `cargo xtask soak proxy-kills [--for 10m]`: a canary that is killed every two seconds, and callers who must not notice.
//!
//! The breaker is set so that it never opens: it would spare the canary the very requests this is about. Each request
//! may be sent twice (GET and PUT), so each that dies with the canary has to be answered by stable.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Service, Stage, amount, errors, loaded, option};
use crate::Outcome;

const PERIOD: Duration = Duration::from_secs(2);

pub(super) fn kills(arguments: &[String]) -> Outcome {
    let time = option(arguments, "--for").unwrap_or("10m");
    let seconds = amount(time, &[('s', 1), ('m', 60), ('h', 3600)])?;
    let stage = Stage::new()?;
    let stable = Service::new("stable", "2ms");
    let canary = Service::new("canary", "10ms").race();
    let _stable = stage.service(&stable)?;
    let mut running = stage.service(&canary)?;
    let proxy = stage.proxy(&format!(
        "stable = \"{}\"\n\
         [proxy.canary]\nto = \"{}\"\nshare = \"20%\"\nlarge_share = true\n\
         [proxy.canary.breaker]\nfailures = 1000000000\nfailure_rate = \"100%\"\n",
        stable.address, canary.address
    ))?;
    let targets = stage.targets(&proxy.address)?;
    let time = format!("{seconds}s");
    let mut load = stage.load(&["--targets", &targets, "--rate", "500", "--for", &time])?;
    let mut n_kills = 0;
    let mut due = Instant::now() + PERIOD;
    while load.try_wait().is_ok_and(|end| end.is_none()) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += PERIOD;
        drop(running);
        n_kills += 1;
        running = stage.service(&canary)?;
    }
    let load = loaded(load)?;
    let status = stage.status(&proxy)?;
    println!("{}", table(&load, &status, n_kills));
    let n_failed = failures(&status["variants"][1]).0;
    if n_failed == 0 {
        println!("no request met a dying canary: nothing was put to the test");
    }
    Ok(if errors(&load) == 0 && n_failed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(load: &Value, status: &Value, n_kills: u64) -> String {
    let canary = &status["variants"][1];
    let mut lines = vec!["| | |".to_owned(), "|---|---:|".to_owned()];
    let mut row = |name: &str, value: String| lines.push(format!("| {name} | {value} |"));
    row("requests", load["completed"].to_string());
    row("errors that callers saw", errors(load).to_string());
    row("kills of the canary", n_kills.to_string());
    row("requests that the canary got", canary["requests"].to_string());
    let (n_failed, causes) = failures(canary);
    row("of these failed", format!("{n_failed} ({causes})"));
    row("given to stable instead", canary["retries"].to_string());
    row("times the canary was left alone", canary["ejections"].to_string());
    for quantile in ["p50", "p99", "max"] {
        row(
            &format!("latency {quantile}, ms"),
            format!("{:.1}", load["latency_ms"][quantile].as_f64().unwrap_or(0.0)),
        );
    }
    if errors(load) > 0 {
        lines.push(format!("\nstatuses {}, errors {}", load["status"], load["error_kinds"]));
    }
    lines.join("\n")
}

/// How many requests of a variant failed, and of what.
fn failures(variant: &Value) -> (u64, String) {
    let causes = variant["failures"].as_object().into_iter().flatten();
    let counted: Vec<(&String, u64)> =
        causes.map(|(cause, count)| (cause, count.as_u64().unwrap_or(0))).collect();
    let words: Vec<String> = counted
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    (counted.iter().map(|(_, count)| count).sum(), words.join(", "))
}
