//! `[jobs.workers]`: race-built workers that `photofinish jobs` starts itself.

use super::{Bytes, Config, ConfigError, Span};
use photofinish_jobs::{Pace, Plan as Queue};
use photofinish_pool::{Plan, SLOWDOWN, most_needed};
use photofinish_supervise::spool::Spool;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Race-built workers, as many as the lag of their queue asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkersConfig {
    /// The race build and its arguments; `{queue}` stands for the queue it is to read, `{url}` for where the broker is.
    pub(crate) command: Vec<String>,
    /// Added to its environment; both work here too.
    pub(crate) env: BTreeMap<String, String>,
    /// Its working folder.
    pub(crate) dir: Option<PathBuf>,
    /// How many normal workers there are.
    pub(crate) normal: Option<u32>,
    /// How many times longer a job takes in the race build.
    pub(crate) slowdown: Option<f64>,
    /// So many run always.
    pub(crate) least: Option<u32>,
    /// So many at most.
    pub(crate) most: Option<u32>,
    /// So many jobs may wait for each before there is another one.
    pub(crate) lag: Option<u64>,
    /// How long one has to be too many before it is ended.
    pub(crate) idle: Option<Span>,
    /// One that uses more is replaced.
    pub(crate) memory: Option<Bytes>,
    /// From SIGTERM to SIGKILL.
    pub(crate) stop_timeout: Option<Span>,
}

/// How many race workers there should be for how much lag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    /// Always.
    pub(crate) least: u32,
    /// At most.
    pub(crate) most: u32,
    /// Jobs that may wait for each.
    pub(crate) lag: u64,
    /// How many times longer a job takes in a race build.
    pub(crate) slowdown: f64,
    /// By the jobs done lately, and not by configuration or habit.
    pub(crate) is_measured: bool,
}

impl Config {
    /// The workers that are asked for, and whether there are any.
    pub(crate) fn pool_plan(
        &self,
        queue: &Queue,
        spool: Spool,
    ) -> Result<Option<Plan>, ConfigError> {
        let Some(workers) = &self.jobs.workers else { return Ok(None) };
        let wrong = |key: &str, problem: &str, hint: Option<&str>| {
            Err(self.wrong(&format!("jobs.workers.{key}"), problem, hint.map(str::to_owned)))
        };
        let Some((program, arguments)) = workers.command.split_first() else {
            let hint = "name the race build: command = [\"bin/worker-race\", \"-queue={queue}\"]";
            return wrong("command", "is missing", Some(hint));
        };
        let takes_queue = workers.command.iter().chain(workers.env.values());
        if !takes_queue.into_iter().any(|text| text.contains(QUEUE) || text.contains(&queue.race)) {
            let hint = "put {queue} into its arguments or env, or the name of the race queue";
            return wrong("command", "does not say which queue the workers read", Some(hint));
        }
        let slowdown = workers.slowdown.unwrap_or(SLOWDOWN);
        if !(1.0..=1000.0).contains(&slowdown) {
            return wrong("slowdown", "is no number from 1 to 1000", None);
        }
        let least = workers.least.unwrap_or(1);
        if least == 0 {
            return wrong("least", "is 0; jobs would wait for a worker that nobody starts", None);
        }
        let needed = most_needed(workers.normal, queue.every, slowdown);
        let most = workers.most.unwrap_or(needed.max(least));
        if most < least {
            return wrong("most", &format!("is {most}, fewer than least = {least}"), None);
        }
        let fill = |text: &String| queue.fill(text, &queue.race);
        let mut command = vec![self.program(program).into_os_string()];
        command.extend(arguments.iter().map(|word| fill(word).into()));
        let span = |value: Option<Span>, usual| value.map_or(usual, |span: Span| span.0);
        let mut plan = Plan::new(command, spool);
        let environment = workers.env.iter().map(|(name, text)| (name.into(), fill(text).into()));
        plan.worker.environment = environment.collect();
        plan.worker.folder = workers.dir.as_ref().map(|dir| self.path(dir));
        plan.worker.service = self.service.name.clone();
        plan.worker.stop_timeout = span(workers.stop_timeout, plan.worker.stop_timeout);
        Ok(Some(Plan {
            gorace: self.run.gorace.clone(),
            least,
            most,
            lag: workers.lag.unwrap_or_else(|| lag_per_worker(queue, most)),
            idle: span(workers.idle, plan.idle),
            memory: workers.memory.map(|bytes| bytes.0),
            ..plan
        }))
    }

    /// How many race workers it takes, measured or as configured.
    pub(crate) fn scaling(&self, queue: &Queue, pace: Option<Pace>) -> Scaling {
        let workers = self.jobs.workers.clone().unwrap_or_default();
        let slowdown = pace.map(Pace::slowdown).or(workers.slowdown).unwrap_or(SLOWDOWN);
        let least = workers.least.unwrap_or(1);
        let needed = most_needed(workers.normal, queue.every, slowdown).max(least);
        let most = workers.most.unwrap_or(needed);
        let lag = workers.lag.unwrap_or_else(|| lag_per_worker(queue, most));
        Scaling { least, most, lag, slowdown, is_measured: pace.is_some() }
    }

    /// A program with a folder in its name stands there, seen from the file; others are on PATH.
    fn program(&self, name: &str) -> PathBuf {
        if !name.contains('/') {
            return name.into();
        }
        let path = self.path(Path::new(name));
        std::path::absolute(&path).unwrap_or(path)
    }
}

const QUEUE: &str = "{queue}";

/// So many jobs may wait for each of them before there is another one: that all of them work before half
/// of what may wait does, at which sampling pauses.
pub(crate) fn lag_per_worker(queue: &Queue, most: u32) -> u64 {
    (queue.limits.max_lag / 2 / u64::from(most.max(1))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::jobs::JobsFlags;

    fn pool(lines: &str) -> Result<Plan, String> {
        let table =
            "[jobs]\nbroker = \"asynq\"\nurl = \"redis://h/\"\nsource = \"mail\"\n[jobs.workers]\n";
        let config: Config =
            toml::from_str(&format!("{table}{lines}")).map_err(|e| e.to_string())?;
        let queue = config.jobs_plan(&JobsFlags::default()).map_err(|error| error.to_string())?;
        let plan =
            config.pool_plan(&queue, Spool::new("spool")).map_err(|error| error.to_string())?;
        Ok(plan.unwrap())
    }

    #[test]
    fn one_line_is_enough_and_says_how_many_there_may_be() {
        let plan = pool("command = [\"./bin/worker-race\", \"{queue}\"]").unwrap();
        assert!(plan.worker.command[0].to_string_lossy().ends_with("bin/worker-race"), "{plan:?}");
        assert_eq!(plan.worker.command[1], "mail_race");
        assert_eq!((plan.least, plan.most, plan.lag), (1, 4, 12));
        let plan = pool("command = [\"w\", \"{queue}\"]\nnormal = 50\nslowdown = 3\n").unwrap();
        assert_eq!((plan.least, plan.most, plan.lag), (1, 15, 3));
        assert_eq!(plan.worker.command[0], "w", "of PATH");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (lines, key) in [
            ("", "jobs.workers.command"),
            ("command = [\"w\"]", "jobs.workers.command"),
            ("command = [\"w\", \"{queue}\"]\nleast = 0", "jobs.workers.least"),
            ("command = [\"w\", \"{queue}\"]\nleast = 3\nmost = 2", "jobs.workers.most"),
            ("command = [\"w\", \"{queue}\"]\nslowdown = 0.5", "jobs.workers.slowdown"),
            ("command = [\"w\", \"{queue}\"]\nmax = 3", "unknown field"),
        ] {
            let error = pool(lines).unwrap_err();
            assert!(error.contains(key), "{lines}: {error}");
        }
    }
}
