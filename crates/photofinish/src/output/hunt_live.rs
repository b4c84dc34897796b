//! How far a hunt is: a live line on a terminal, else one line for each thing that happens.

use super::hunt_ways::build_name;
use super::load_live;
use indicatif::{ProgressBar, ProgressStyle};
use photofinish_hunt::{Plan, Progress, Target, Ways};
use photofinish_proxy::Event as ProxyEvent;
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
    /// One build at a time, not several behind the proxy.
    is_alone: bool,
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
            is_alone: plan.ways == Ways::Alone,
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
                self.bar.set_message(format!("waiting for the {} to answer", build_name(variant)));
            }
            Progress::Ready(variant, place, took) => {
                self.last_said = Instant::now();
                let then = if self.is_alone { ", driving load" } else { "" };
                self.say(&format!(
                    "the {} answers at {} after {:.1} s{then}",
                    build_name(variant),
                    place.url(""),
                    took.as_secs_f64()
                ));
            }
            Progress::Proxied(variants) => {
                let names: Vec<&str> = variants.iter().map(|variant| variant.word()).collect();
                self.say(&format!("{} behind {}, driving load", names.join(", "), self.url));
            }
            Progress::Load(target, now, n_findings) => {
                let findings = if n_findings == 1 {
                    "1 finding".to_owned()
                } else {
                    format!("{n_findings} findings")
                };
                let at = at(target);
                let line = format!("{at}: {}  {findings}", load_live::sentence(now));
                if self.bar.is_hidden() && self.last_said.elapsed() >= EVERY {
                    self.last_said = Instant::now();
                    self.say(&line);
                }
                self.bar.set_message(line);
            }
            Progress::Differs(line) => self.say(&format!("mirror: {line}")),
            Progress::Proxy(event) => {
                // What fails is counted.
                if !matches!(event, ProxyEvent::UpstreamFailed { .. }) {
                    self.say(&format!("proxy: {event}"));
                }
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
            Progress::Stopping => {
                self.bar.set_message("stopping the builds, collecting what they still have to say");
            }
        }
    }

    /// Something to know before it begins.
    pub(crate) fn note(&self, text: &str) {
        self.say(text);
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

/// Where load is driven at, and what became of it there so far.
fn at(target: Target<'_>) -> String {
    match target {
        Target::Build(variant) => build_name(variant).to_owned(),
        Target::Proxy(status) => {
            let mut parts = vec![format!("stable {}", status.stable.requests)];
            parts.extend(status.canary.iter().map(|canary| {
                let left_alone = if canary.breaker == "open" { " (left alone)" } else { "" };
                format!("canary {}{left_alone}", canary.variant.requests)
            }));
            let mirrors = status.mirrors.iter();
            parts.extend(mirrors.map(|mirror| format!("mirror {}", mirror.variant.requests)));
            parts.join(", ")
        }
    }
}
