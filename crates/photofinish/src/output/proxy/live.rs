//! A running proxy on a terminal: one line, drawn anew every second, and what happens above it.
//! Where stderr is no terminal only what happens is printed.

use super::units::time;
use crate::output::style::{RED, YELLOW, paint};
use indicatif::{ProgressBar, ProgressStyle};
use photofinish_proxy::{CanaryFigures, Cause, MirrorFigures, Status, Times, VariantFigures};
use std::collections::VecDeque;
use std::io::Write;

/// Ticks of which quantiles are looked at: one second has too few requests for a p99.
const WINDOW: usize = 10;

/// Prints what happens; may be shared by threads.
#[derive(Clone)]
pub(crate) struct Voice(ProgressBar);

/// The line and what it remembers.
pub(crate) struct Live {
    voice: Voice,
    before: VecDeque<Status>,
}

impl Voice {
    pub(crate) fn new() -> Voice {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        Voice(bar)
    }

    pub(crate) fn say(&self, line: &str) {
        self.0.suspend(|| {
            // Talk that nobody can read is no reason to stop moving requests.
            let _ = writeln!(anstream::stderr(), "photofinish: {line}");
        });
    }

    /// As [`Voice::say`], with the causes and the hint of an error.
    pub(crate) fn say_error(&self, what: &str, error: &anyhow::Error) {
        self.0.suspend(|| {
            let _ = writeln!(anstream::stderr(), "photofinish: {what}");
            crate::output::error::print(error);
        });
    }

    /// Prints a page.
    pub(crate) fn print(&self, page: &str) {
        self.0.suspend(|| {
            let _ = anstream::stderr().lock().write_all(page.as_bytes());
        });
    }

    /// Draws `line`, where there is a terminal.
    pub(crate) fn draw(&self, line: String) {
        if !self.0.is_hidden() {
            self.0.set_message(line);
            self.0.tick();
        }
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Live {
    pub(crate) fn new(voice: Voice) -> Live {
        Live { voice, before: VecDeque::with_capacity(WINDOW + 1) }
    }

    /// Draws how the proxy stands; called every second.
    pub(crate) fn show(&mut self, status: Status) {
        if self.voice.0.is_hidden() {
            return;
        }
        if let (Some(window), Some(last)) = (self.before.front(), self.before.back()) {
            self.voice.draw(sentence(&status, last, window));
        }
        self.before.push_back(status);
        if self.before.len() > WINDOW {
            self.before.pop_front();
        }
    }
}

/// `now` in one line: rates since `last`, quantiles since `window`.
fn sentence(now: &Status, last: &Status, window: &Status) -> String {
    let seconds = now.uptime.saturating_sub(last.uptime).as_secs_f64().max(0.001);
    let rate = requests(now).saturating_sub(requests(last)) as f64 / seconds;
    let mut parts = vec![
        format!("{rate:.0}/s"),
        format!("stable p99 {}", p99(&now.stable.latency, &window.stable.latency)),
    ];
    if let Some(canary) = &now.canary {
        let before = window.canary.as_ref().map(|canary| &canary.variant.latency);
        parts.push(canary_part(canary, before));
    }
    for mirror in &now.mirrors {
        let before = last.mirrors.iter().find(|before| before.name == mirror.name);
        parts.push(mirror_part(mirror, before, seconds));
    }
    parts.push(format!("{} connections", now.callers.connections));
    parts.join(" | ")
}

fn canary_part(canary: &CanaryFigures, before: Option<&Times>) -> String {
    let share = canary.share_now * 100.0;
    let state = match canary.breaker {
        "open" => paint(RED, " left alone"),
        "ramp" => paint(YELLOW, " coming back"),
        _ => String::new(),
    };
    let p99 = p99(&canary.variant.latency, before.unwrap_or(&Times::default()));
    format!("canary {share:.2}%{state} p99 {p99}")
}

fn mirror_part(mirror: &MirrorFigures, before: Option<&MirrorFigures>, seconds: f64) -> String {
    let sent_before = before.map_or(0, |before| before.variant.requests);
    let copied = mirror.variant.requests.saturating_sub(sent_before) as f64 / seconds;
    let dropped = lost(mirror).saturating_sub(before.map_or(0, lost));
    let lost = match dropped {
        0 => String::new(),
        lost => paint(YELLOW, &format!(", {:.0}/s dropped", lost as f64 / seconds)),
    };
    format!("{} {copied:.0}/s copied{lost}", mirror.name)
}

/// Copies dropped though the rules, the share and the schedule allowed them.
fn lost(mirror: &MirrorFigures) -> u64 {
    let by_rule = [Cause::Sample, Cause::Method, Cause::Schedule, Cause::Upgrade];
    let causes = Cause::ALL.iter().zip(mirror.dropped);
    causes.filter(|(cause, _)| !by_rule.contains(cause)).map(|(_, n)| n).sum()
}

fn p99(now: &Times, before: &Times) -> String {
    let recent = now.since(before);
    if recent.count() == 0 { "-".to_owned() } else { time(recent.quantile(0.99)) }
}

/// Requests of callers: what was sent, but for what was sent again.
pub(crate) fn requests(status: &Status) -> u64 {
    let of = |variant: &VariantFigures| variant.requests.saturating_sub(variant.retries);
    of(&status.stable) + status.canary.as_ref().map_or(0, |canary| of(&canary.variant))
}
