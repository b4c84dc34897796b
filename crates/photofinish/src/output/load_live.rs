//! One line on a terminal that says how a load run stands. Elsewhere: nothing.

use indicatif::{ProgressBar, ProgressStyle};
use photofinish_load::Snapshot;

pub(crate) struct LiveLine(ProgressBar);

impl LiveLine {
    /// Draws on stderr, if that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn show(&self, now: &Snapshot<'_>) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_message(sentence(now));
        self.0.tick();
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How a run stands, in one line.
pub(crate) fn sentence(now: &Snapshot<'_>) -> String {
    if now.warming_up {
        return "warming up".to_owned();
    }
    let mut line = format!("{:.1}s", now.elapsed.as_secs_f64());
    if let Some(length) = now.length {
        line += &format!(" of {:.0}s", length.as_secs_f64());
    }
    line += &format!("  {} answers", now.completed);
    if let Some(planned) = now.planned {
        line += &format!(" of {planned}");
    }
    line += &format!("  {:.0}/s  {} in flight", now.rps, now.in_flight);
    let ms = |quantile| now.latency.quantile(quantile).as_secs_f64() * 1e3;
    line += &format!("  p50 {:.1}ms  p99 {:.1}ms  {} errors", ms(0.5), ms(0.99), now.errors);
    if now.shed > 0 {
        line += &format!("  {} shed", now.shed);
    }
    line
}
