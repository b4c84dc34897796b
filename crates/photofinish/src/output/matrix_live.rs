//! A matrix while it is measured: which trial, what came out, how long the rest will take.

use super::load_live;
use indicatif::{ProgressBar, ProgressStyle};
use photofinish_matrix::{Progress, Trial};
use photofinish_supervise::build;
use std::io::Write;
use std::time::Duration;

/// Shows a matrix while it goes on.
pub(crate) struct MatrixLive {
    bar: ProgressBar,
    service: String,
    now: String,
}

impl MatrixLive {
    pub(crate) fn new(service: String) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        MatrixLive { bar, service, now: String::new() }
    }

    /// Shows one step.
    pub(crate) fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Toolchain(text) => self.say(text),
            Progress::Building(version, what) => {
                self.say(&format!("building {what} of {} with Go {version}", self.service));
            }
            Progress::Build(build::Progress::Output(line)) => self.say(line),
            Progress::Build(build::Progress::Warning(text)) => {
                self.say(&format!("warning: {text}"))
            }
            Progress::Build(build::Progress::Compiling(variant, package, before)) => {
                self.bar.set_message(format!(
                    "building ({}): {before} packages, {package}",
                    variant.word()
                ));
            }
            Progress::Build(_) => {}
            Progress::Resumed(done, total) => {
                self.say(&format!(
                    "{done} of {total} trials were measured before (--fresh begins anew)"
                ));
            }
            Progress::Trying { toolchain, column, done, total, left } => {
                let left =
                    left.map_or_else(String::new, |left| format!(", about {} left", length(left)));
                self.now = format!("trial {} of {total}{left}: Go {toolchain}, {column}", done + 1);
                self.bar.set_message(self.now.clone());
            }
            Progress::Load(now) => {
                self.bar.set_message(format!("{}: {}", self.now, load_live::sentence(now)));
            }
            Progress::Tried(trial) => self.say(&format!("{}: {}", self.now, told(trial))),
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| {
            // Talk that nobody can read is no reason to end a matrix.
            let _ = writeln!(anstream::stderr(), "photofinish: {line}");
        });
    }
}

/// What a trial came to, in a few words.
fn told(trial: &Trial) -> String {
    if let Some(reason) = &trial.failure {
        return format!("could not be run: {reason}");
    }
    let mut words = Vec::new();
    words.extend(trial.symptom(1.0));
    match trial.races.len() {
        0 => {}
        1 => words.push("1 race".to_owned()),
        n => words.push(format!("{n} races")),
    }
    if trial.tests_failed && trial.races.is_empty() {
        words.push("tests failed".to_owned());
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// `40 s`, `12 min`, `3 h 20 min`.
pub(super) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
