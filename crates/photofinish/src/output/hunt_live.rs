//! How far a hunt is: a live line on a terminal, else one line for each thing that happens.

use super::hunt::build_name;
use super::load_live;
use indicatif::{ProgressBar, ProgressStyle};
use photofinish_hunt::{Plan, Progress};
use photofinish_supervise::build;
use photofinish_supervise::run::Event;
use std::io::Write;
use std::time::{Duration, Instant};

/// How often a hunt without a terminal says that it is still driving load.
const EVERY: Duration = Duration::from_secs(10);

/// Shows a hunt while it goes on.
pub(crate) struct HuntLive {
    bar: ProgressBar,
    service: String,
    url: String,
    last_said: Instant,
}

impl HuntLive {
    pub(crate) fn new(plan: &Plan) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        HuntLive {
            bar,
            service: plan.service.name.clone(),
            url: plan.service.place.url(""),
            last_said: Instant::now(),
        }
    }

    /// Shows one step.
    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Build(progress) => self.build(progress),
            Progress::Starting(variant, log) => {
                self.say(&format!(
                    "starting the {} of {} (its log: {})",
                    build_name(variant),
                    self.service,
                    log.display()
                ));
                self.bar.set_message(format!("waiting for {} to answer", self.url));
            }
            Progress::Ready(variant, took) => {
                self.last_said = Instant::now();
                self.say(&format!(
                    "the {} answers at {} after {:.1} s, driving load",
                    build_name(variant),
                    self.url,
                    took.as_secs_f64()
                ));
            }
            Progress::Load(variant, now, n_findings) => {
                let findings = if n_findings == 1 {
                    "1 finding".to_owned()
                } else {
                    format!("{n_findings} findings")
                };
                let line =
                    format!("{}: {}  {findings}", build_name(variant), load_live::sentence(now));
                if self.bar.is_hidden() && self.last_said.elapsed() >= EVERY {
                    self.last_said = Instant::now();
                    self.say(&line);
                }
                self.bar.set_message(line);
            }
            Progress::Supervisor(variant, event) => {
                // Which start, which options: the log has it. What happened to it: a person wants to know.
                let is_news = matches!(
                    event,
                    Event::Ended { crashed: true, .. } | Event::GivenUp { .. } | Event::Notice(_)
                );
                if let Some(line) = event.line().filter(|_| is_news) {
                    self.say(&format!("{}: {line}", build_name(variant)));
                }
            }
            Progress::Stopping(variant) => {
                self.bar.set_message(format!(
                    "stopping the {}, collecting what it still has to say",
                    build_name(variant)
                ));
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn build(&mut self, progress: build::Progress) {
        match progress {
            build::Progress::Choosing => {
                self.bar.set_message("choosing what a light build leaves out")
            }
            build::Progress::Started(variant, _) => {
                self.say(&format!("building {} ({})", self.service, variant.word()))
            }
            build::Progress::Compiling(variant, package, before) => {
                self.bar.set_message(format!(
                    "building ({}): {before} packages, {package}",
                    variant.word()
                ));
            }
            build::Progress::Output(line) => self.say(&line),
            build::Progress::Finished(variant, took) => {
                self.say(&format!(
                    "built {} ({}) in {:.1} s",
                    self.service,
                    variant.word(),
                    took.as_secs_f64()
                ));
            }
            build::Progress::Warning(text) => self.say(&format!("warning: {text}")),
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| {
            // Talk that nobody can read is no reason to end a hunt.
            let _ = writeln!(anstream::stderr(), "photofinish: {line}");
        });
    }
}
