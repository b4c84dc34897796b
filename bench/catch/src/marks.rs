//! The marks that catch is held to, and whether each holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::corpus::Found;
use crate::cost::Cost;
use crate::payments::Payments;
use crate::stats::{change, median, time};

/// A line for each mark that this run says something about.
pub(crate) fn table(
    found: &BTreeMap<String, Found>,
    costs: &BTreeMap<String, Cost>,
    payments: Option<&Payments>,
) -> String {
    let mut table = String::from("| holds | mark | measured |\n|---|---|---|\n");
    let mut row = |holds: bool, mark: &str, measured: String| {
        let holds = if holds { "yes" } else { "**no**" };
        let _ = writeln!(table, "| {holds} | {mark} | {measured} |");
    };
    if let Some(payments) = payments {
        let first = payments.first_median();
        let shown = first.map_or("most are missed".to_owned(), time);
        let mark = "the racy payment service under 100 clients: first race within 100 ms of attaching, median";
        row(first.is_some_and(|first| first <= 0.1), mark, shown);
    }
    let is_found = |rounds: &[Option<f64>]| rounds.iter().any(Option::is_some);
    let by_race: Vec<&Found> = found.values().filter(|found| is_found(&found.race)).collect();
    let by_both = by_race.iter().filter(|found| is_found(&found.catch)).count();
    let missed: Vec<&str> = found
        .iter()
        .filter(|(_, found)| is_found(&found.race) && !is_found(&found.catch))
        .map(|(name, _)| name.as_str())
        .collect();
    let only_catch: Vec<&str> = found
        .iter()
        .filter(|(_, found)| is_found(&found.catch) && !is_found(&found.race))
        .map(|(name, _)| name.as_str())
        .collect();
    let rounds = by_race.iter().flat_map(|found| &found.catch);
    let n_rounds = rounds.clone().count();
    let n_caught = rounds.flatten().count();
    let measured = format!(
        "{by_both} of {}; {n_caught} of {n_rounds} rounds. Missed: {}",
        by_race.len(),
        list(&missed)
    );
    let share = by_both as f64 / by_race.len().max(1) as f64;
    row(share >= 0.9, "at least 90 % of the corpus races that `-race` finds", measured);
    row(!only_catch.is_empty(), "some that `-race` misses", list(&only_catch));
    let watched: Duration = costs.values().map(|cost| cost.watched).sum();
    let n_alarms: usize = costs.values().map(|cost| cost.alarms.len()).sum();
    let measured =
        format!("{n_alarms} reports in {:.0} s over {} twins", watched.as_secs_f64(), costs.len());
    row(
        n_alarms == 0,
        "no report on a twin (an hour of it: `cargo xtask soak catch-twins`)",
        measured,
    );
    let of_twins = |figure: fn(&Cost) -> f64| {
        median(&costs.values().map(figure).collect::<Vec<f64>>()).unwrap_or(0.0)
    };
    if let Some(payments) = payments {
        for figure in &payments.figures {
            let within = 100.0 * (figure.mark - 1.0).abs();
            let mark =
                format!("the repaired payment service, within {within:.0} %: {}", figure.what);
            row(figure.is_well(), &mark, change(median(&figure.with).unwrap_or(f64::NAN)));
        }
        let measured = format!("{} failed, {} false alarms", payments.failed, payments.alarms);
        row(
            payments.failed == 0 && payments.alarms == 0,
            "no request lost, no false alarm",
            measured,
        );
    }
    let _ = writeln!(
        table,
        "\nMedians over the twins: {:.2} of the normal build's work with catch, {:.2} as a `-race` build; {:.0} MiB resident, and {:.0} MiB \
         as a `-race` build; catch itself takes {:.0} MiB.",
        of_twins(|cost| cost.work_catch),
        of_twins(|cost| cost.work_race),
        of_twins(|cost| cost.normal_mib),
        of_twins(|cost| cost.race_mib),
        of_twins(|cost| cost.catch_mib),
    );
    table
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
