//! The figures of a sampler in Prometheus's text format, version 0.0.4: names as the proxy's, behind
//! `photofinish_jobs_`.
//!
//! What the broker itself counts is told as it stands there: it belongs to the queue and outlives us, and
//! two samplers say the same.

use photofinish_jobs::{Look, Plan};
use photofinish_pool::Totals;
use std::fmt::{Display, Write};
use std::time::Duration;

/// What this sampler did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// Jobs sent to a side.
    pub(crate) moved: u64,
    /// Steps that sent some.
    pub(crate) many: u64,
    /// How long the broker took for them.
    pub(crate) took: Duration,
    /// How often the broker went away.
    pub(crate) away: u64,
    /// It is away now.
    pub(crate) is_away: bool,
    /// Nothing is sent to the race workers just now.
    pub(crate) paused: bool,
}

/// Race workers of ours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crew {
    /// That can take jobs.
    pub(crate) ready: usize,
    /// That there may be.
    pub(crate) most: u32,
    /// What they came to so far.
    pub(crate) totals: Totals,
}

/// The page.
pub(crate) fn text(plan: &Plan, look: &Look, steps: &Steps, crew: Option<&Crew>) -> String {
    let mut page = Page(String::with_capacity(4096));
    if let Some(counts) = look.counts {
        page.family("messages_total", "counter", "Jobs sent to a side, by all samplers.");
        page.line("messages_total", "side=\"main\"", counts.seen.saturating_sub(counts.race));
        page.line("messages_total", "side=\"race\"", counts.race);
        page.one(
            "no_room_total",
            "counter",
            "Jobs chosen, but sent to the normal workers.",
            counts.no_room,
        );
        page.one(
            "put_off_total",
            "counter",
            "Tasks put off, their id being in the way.",
            counts.put_off,
        );
    }
    let back = look.handed_back;
    page.family("moved_back_total", "counter", "Jobs that went back to the normal workers.");
    for (reason, many) in
        [("waited", back.waited), ("failed", back.failed), ("orphaned", back.orphaned)]
    {
        page.line("moved_back_total", &format!("reason=\"{reason}\""), many);
    }
    page.family("lag_messages", "gauge", "Jobs that wait.");
    if let Some(source) = look.source {
        page.line("lag_messages", "queue=\"source\"", source);
        page.line("lag_messages", "queue=\"main\"", look.main);
    }
    page.line("lag_messages", "queue=\"race\"", look.race);
    page.one(
        "max_lag_messages",
        "gauge",
        "So many wait for race workers at most.",
        plan.limits.max_lag,
    );
    page.one("every", "gauge", "One of so many jobs is chosen.", plan.every);
    page.one("paused", "gauge", "1 while nothing is sent to race workers.", u8::from(steps.paused));
    page.one("moved_total", "counter", "Jobs sent to a side by this sampler.", steps.moved);
    page.family("commit_seconds", "summary", "How long the broker took for a step.");
    page.line("commit_seconds_sum", "", steps.took.as_secs_f64());
    page.line("commit_seconds_count", "", steps.many);
    page.one("broker_away_total", "counter", "How often the broker went away.", steps.away);
    if let Some(crew) = crew {
        page.crew(crew);
    }
    page.0
}

struct Page(String);

impl Page {
    fn crew(&mut self, crew: &Crew) {
        let totals = &crew.totals;
        self.one("workers_ready", "gauge", "Race workers that can take jobs.", crew.ready);
        self.one("workers_most", "gauge", "Race workers that there may be.", crew.most);
        self.one("worker_starts_total", "counter", "Race workers started.", totals.starts);
        self.one("worker_crashes_total", "counter", "Race workers that crashed.", totals.crashes);
        self.one(
            "worker_recycled_total",
            "counter",
            "Race workers replaced, too large.",
            totals.recycled,
        );
        self.one("reports_total", "counter", "Reports of race workers stored.", totals.reports);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.0,
            "# HELP photofinish_jobs_{name} {help}\n# TYPE photofinish_jobs_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "photofinish_jobs_{name}{braces} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.line(name, "", value);
    }
}
