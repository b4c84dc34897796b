//! How the builds of a hunt did, for a person: a row for what callers saw, one for each build behind the proxy, what it
//! all cost, and what went wrong besides the findings.

use super::style::{DIM, clean, paint, times};
use photofinish_hunt::{CatchOutcome, JobsOutcome, Outcome, Through, Variant, VariantOutcome};
use photofinish_load::Summary;
use photofinish_proxy::{MirrorFigures, VariantFigures};
use std::time::Duration;

/// `findings`, `first`, `requests`, `failed`, `p50`, `p99`, `memory`, `starts`.
type Cells = [String; 8];

/// A row for each build and one for callers, and what that means.
pub(super) fn table(outcome: &Outcome) -> String {
    let head = ["FINDINGS", "FIRST", "REQUESTS", "FAILED", "P50", "P99", "MEMORY", "STARTS"];
    let mut text = format!("{}\n", paint(DIM, &row("", head.map(str::to_owned))));
    if let Some(stable) = outcome.of(Variant::Stable)
        && let Some(load) = &stable.load
    {
        let name = if outcome.through.is_some() { "stable alone" } else { "stable" };
        text += &format!("{}\n", row(name, straight(outcome, stable, load)));
    }
    if let Some(race) = outcome.of(Variant::Race)
        && let Some(load) = &race.load
    {
        text += &format!("{}\n", row("race", straight(outcome, race, load)));
    }
    if let Some(through) = &outcome.through {
        text += &format!("{}\n", row("callers", callers(&through.load)));
        for variant in &outcome.variants {
            if let Some(figures) = figures(through, variant.variant) {
                let name = format!("  {}", variant.variant.word());
                text += &format!("{}\n", row(&name, behind(outcome, variant, figures)));
            }
        }
    }
    if let Some(catch) = outcome.catch.as_ref().filter(|catch| !catch.looked.is_zero()) {
        let [findings, first] = found(outcome, Variant::Catch);
        let mut cells = Cells::default();
        (cells[0], cells[1]) = (findings, first);
        let name = if outcome.through.is_some() { "  catch" } else { "catch" };
        text += &format!("{}\n", row(name, cells));
        text += &format!("{}\n", paint(DIM, &looked(catch)));
    }
    if let Some(jobs) = &outcome.jobs {
        let [findings, first] = found(outcome, Variant::Jobs);
        let requests = jobs.to_race.map_or_else(|| "-".to_owned(), |many| many.to_string());
        let memory = format!("{} MiB", jobs.race.peak_memory >> 20);
        let starts = jobs.race.starts.to_string();
        let [none, no, not] = [(); 3].map(|()| String::new());
        text += &format!(
            "{}\n",
            row("jobs", [findings, first, requests, none, no, not, memory, starts])
        );
        text += &format!("{}\n", paint(DIM, &sampled(jobs)));
    }
    for line in meaning(outcome) {
        text += &format!("{}\n", paint(DIM, &line));
    }
    text
}

fn row(name: &str, [findings, first, requests, failed, p50, p99, memory, starts]: Cells) -> String {
    format!(
        "{name:<13}{findings:>8}{first:>9}{requests:>10}{failed:>14}{p50:>10}{p99:>10}{memory:>10}{starts:>8}"
    )
}

/// A build that had load straight. One that is behind the proxy too has its findings and starts there.
fn straight(outcome: &Outcome, variant: &VariantOutcome, load: &Summary) -> Cells {
    let [_, _, requests, failed, p50, p99, ..] = callers(load);
    if outcome.through.is_some() {
        return ["", "", &requests, &failed, &p50, &p99, "", ""].map(str::to_owned);
    }
    let [findings, first] = found(outcome, variant.variant);
    [findings, first, requests, failed, p50, p99, memory(variant), variant.starts.to_string()]
}

fn callers(load: &Summary) -> Cells {
    let failed = format!("{} ({:.1}%)", load.errors, load.error_rate() * 100.0);
    let p = |quantile| millis(load.latency.quantile(quantile));
    let nothing = String::new;
    let requests = load.sent.to_string();
    [nothing(), nothing(), requests, failed, p(0.5), p(0.99), nothing(), nothing()]
}

fn behind(outcome: &Outcome, variant: &VariantOutcome, figures: &VariantFigures) -> Cells {
    let [findings, first] = found(outcome, variant.variant);
    let failed: u64 = figures.failures.iter().sum();
    let share = failed as f64 / figures.requests.max(1) as f64;
    let p = |quantile| match figures.latency.count() {
        0 => "-".to_owned(),
        _ => millis(figures.latency.quantile(quantile)),
    };
    [
        findings,
        first,
        figures.requests.to_string(),
        format!("{failed} ({:.1}%)", share * 100.0),
        p(0.5),
        p(0.99),
        memory(variant),
        variant.starts.to_string(),
    ]
}

fn found(outcome: &Outcome, variant: Variant) -> [String; 2] {
    let (n, first) = outcome.found_by(variant);
    let first = first.map_or_else(|| "-".to_owned(), |at| format!("{:.1} s", at.as_secs_f64()));
    [n.to_string(), first]
}

fn memory(variant: &VariantOutcome) -> String {
    format!("{} MiB", variant.peak_memory >> 20)
}

fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

fn figures(through: &Through, variant: Variant) -> Option<&VariantFigures> {
    let status = &through.status;
    match variant {
        Variant::Stable => Some(&status.stable),
        Variant::Canary => status.canary.as_ref().map(|canary| &canary.variant),
        Variant::Mirror => status.mirrors.first().map(|mirror| &mirror.variant),
        Variant::Race | Variant::Catch | Variant::Jobs => None,
    }
}

/// What the rows say, in words.
fn meaning(outcome: &Outcome) -> Vec<String> {
    let Some(through) = &outcome.through else {
        let builds = (outcome.of(Variant::Stable), outcome.of(Variant::Race));
        return match builds {
            (Some(stable), Some(race)) => price_alone(stable, race).into_iter().collect(),
            _ => Vec::new(),
        };
    };
    let mut lines = vec![price(outcome, through)];
    if let Some(canary) = &through.status.canary {
        let (instead, lost) = (canary.variant.retries, through.lost_to_the_canary());
        lines.push(format!(
            "canary: of its requests {instead} were answered by stable instead; {lost} errors that callers saw were its own"
        ));
    }
    lines.extend(through.status.mirrors.iter().map(|mirror| copies(mirror, through.differences)));
    lines
}

/// What callers paid for the race builds beside theirs, measured.
fn price(outcome: &Outcome, through: &Through) -> String {
    let p99 = |load: &Summary| load.latency.quantile(0.99);
    let with = p99(&through.load);
    let overhead = &through.status.overhead;
    let beside = match outcome.baseline() {
        Some(alone) => format!(
            "callers: p99 {} straight at stable, {} ({}) through the proxy with the race builds on the same machine",
            millis(p99(alone)),
            millis(with),
            ratio(with.as_secs_f64(), p99(alone).as_secs_f64()),
        ),
        None => format!("callers: p99 {} through the proxy", millis(with)),
    };
    format!(
        "{beside}; the proxy's own part: p50 {}, p99 {}",
        millis(overhead.quantile(0.5)),
        millis(overhead.quantile(0.99)),
    )
}

/// What became of the copies: all of them, those left out, those compared.
fn copies(mirror: &MirrorFigures, differences: u64) -> String {
    let causes = photofinish_proxy::Cause::ALL.iter().zip(&mirror.dropped);
    let dropped: Vec<String> =
        causes.filter(|(_, n)| **n > 0).map(|(cause, n)| format!("{n} {}", cause.word())).collect();
    let mut line = format!("mirror: {} copies", mirror.variant.requests);
    if !dropped.is_empty() {
        line += &format!(", not made or not whole: {}", dropped.join(", "));
    }
    if let Some(compared) = mirror.compared {
        let n = compared.same + compared.different;
        line += &format!("; {n} answers compared, {differences} differences found");
    }
    line
}

/// What `catch` did.
fn looked(catch: &CatchOutcome) -> String {
    format!(
        "catch: looked at the normal build for {:.1} s and held its threads {}, at {:.2} % of the processors' time",
        catch.looked.as_secs_f64(),
        times(catch.samples),
        catch.share * 100.0,
    )
}

/// What became of the queue.
fn sampled(jobs: &JobsOutcome) -> String {
    let many = match (jobs.to_race, jobs.seen) {
        (Some(race), Some(seen)) => format!("{race} of {seen} jobs"),
        _ => format!("one of each {} jobs", jobs.every),
    };
    format!(
        "jobs: {many} of {} ({}) went to the race workers, {} back to the normal one; their log: {}",
        clean(&jobs.source),
        jobs.broker,
        jobs.handed_back,
        jobs.log.display(),
    )
}

/// What the detector costs a service that has the machine to itself, measured.
fn price_alone(stable: &VariantOutcome, race: &VariantOutcome) -> Option<String> {
    let (of_stable, of_race) = (stable.load.as_ref()?, race.load.as_ref()?);
    let p99 = |load: &Summary| load.latency.quantile(0.99).as_secs_f64();
    Some(format!(
        "the race build under this load: p99 {}, memory {}, throughput {}, history_size {}",
        ratio(p99(of_race), p99(of_stable)),
        ratio(race.peak_memory as f64, stable.peak_memory as f64),
        ratio(of_race.rps(), of_stable.rps()),
        race.history_size,
    ))
}

fn ratio(of: f64, to: f64) -> String {
    if to > 0.0 { format!("{:.1}x", of / to) } else { "?".to_owned() }
}

/// Requests that race builds answered: those of a hunt that say something about races.
pub(super) fn by_race_builds(outcome: &Outcome) -> u64 {
    let answered = |figures: &VariantFigures| figures.answers.iter().sum::<u64>();
    let races = [Variant::Canary, Variant::Mirror].into_iter();
    let through = outcome.through.as_ref().map_or(0, |through| {
        races.filter_map(|variant| figures(through, variant)).map(answered).sum()
    });
    let alone = outcome.of(Variant::Race).and_then(|race| race.load.as_ref());
    through + alone.map_or(0, |load| load.completed)
}

/// What went wrong besides the findings.
pub(super) fn symptoms(outcome: &Outcome, max_error_rate: f64) -> Vec<String> {
    let mut symptoms = Vec::new();
    let straight = outcome.variants.iter().filter_map(|variant| {
        Some((format!("straight at the {}", build_name(variant.variant)), variant.load.as_ref()?))
    });
    let through = outcome.through.iter().map(|through| ("of callers".to_owned(), &through.load));
    for (whose, load) in straight.chain(through) {
        if load.error_rate() > max_error_rate {
            let kinds: Vec<String> = load
                .error_kinds
                .iter()
                .map(|error| format!("{} {}", error.count, error.kind.as_str()))
                .collect();
            let percent = load.error_rate() * 100.0;
            symptoms.push(format!(
                "{percent:.1}% of the requests {whose} failed ({})",
                kinds.join(", ")
            ));
        }
    }
    if let Some(failure) = outcome.catch.as_ref().and_then(|catch| catch.failure.as_ref()) {
        symptoms.push(format!("catch could not look at the normal build: {}", clean(failure)));
    }
    if let Some(jobs) = &outcome.jobs {
        if let Some(failure) = &jobs.failure {
            symptoms.push(format!(
                "the queue {} could not be sampled: {}",
                clean(&jobs.source),
                clean(failure)
            ));
        } else if jobs.seen == Some(0) {
            let log = jobs.log.display();
            symptoms.push(format!("no job came to {}; its log: {log}", clean(&jobs.source)));
        }
        for (name, totals) in [("normal worker", &jobs.normal), ("race workers", &jobs.race)] {
            if totals.crashes > 0 {
                let (crashed, log) = (times(totals.crashes), jobs.log.display());
                symptoms.push(format!("the {name} crashed {crashed}; its log: {log}"));
            }
        }
    }
    for variant in &outcome.variants {
        let (name, log) = (build_name(variant.variant), variant.log.display());
        if variant.starts > 1 {
            let lost = match (variant.variant, &outcome.through) {
                (Variant::Stable, Some(_)) => ", and every request it had under way with it",
                _ => "",
            };
            let crashed = times(u64::from(variant.starts) - 1);
            symptoms.push(format!("the {name} crashed {crashed}{lost}; its log: {log}"));
        }
        if variant.left_in_spool > 0 {
            let n = variant.left_in_spool;
            symptoms.push(format!("{n} reports wait in the spool, since the store took none"));
        }
    }
    symptoms
}

/// The name of a variant for messages.
pub(super) fn build_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Stable => "normal build",
        Variant::Race => "race build",
        Variant::Canary => "canary",
        Variant::Mirror => "mirror",
        Variant::Catch => "catch",
        Variant::Jobs => "race worker",
    }
}
