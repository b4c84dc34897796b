//! `[jobs]` on a cluster: the same queue, with its workers in pods.

use crate::config::jobs::{BrokerName, JobsFlags};
use crate::config::{Config, ConfigError};
use photofinish_deploy::Jobs;
use photofinish_jobs::{Kind, Plan as Queue, Push};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// How long a worker has from SIGTERM to SIGKILL, and is too many before it goes, unless said; as in the pool.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);

impl Config {
    /// The queue; `None` without one, or with one that stays on its machine, which `notes` then say.
    pub(super) fn deployed_queue(
        &self,
        notes: &mut Vec<String>,
    ) -> Result<Option<Jobs>, ConfigError> {
        // The broker's address is a Secret's affair: any of its kind will do for the checks.
        let stand_in = match self.jobs.broker {
            None => return Ok(None),
            Some(BrokerName::Sqlite) => {
                notes.push(
                    "jobs are left out: a queue in a SQLite file stays on its machine".to_owned(),
                );
                return Ok(None);
            }
            Some(BrokerName::River) => "postgres://broker/app",
            Some(BrokerName::Nats) => "nats://broker:4222",
            Some(BrokerName::Rabbitmq) => "amqp://broker/%2f",
            Some(_) => "redis://broker/",
        };
        let url = self.jobs.url.clone().unwrap_or_else(|| stand_in.to_owned());
        let queue = self.jobs_plan(&JobsFlags { url: Some(url), ..JobsFlags::default() })?;
        let workers = self.jobs.workers.clone().unwrap_or_default();
        let Some((program, arguments)) = workers.command.split_first() else {
            let hint = "name the race build of the worker: [jobs.workers] command = [\"bin/worker-race\", \"-queue={queue}\"]";
            return Err(self.wrong("jobs.workers.command", "is missing", Some(hint.to_owned())));
        };
        let scaling = self.scaling(&queue, None);
        if scaling.least == 0 || scaling.most < scaling.least {
            let problem = format!("is {}, and most is {}", scaling.least, scaling.most);
            return Err(self.wrong(
                "jobs.workers.least",
                &problem,
                Some("at least one worker runs always".to_owned()),
            ));
        }
        let fill = |text: &String| text.replace("{queue}", &queue.race);
        let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned());
        let mut command = vec![format!("/app/{}", name.unwrap_or_default())];
        command.extend(arguments.iter().map(fill));
        Ok(Some(Jobs {
            toml: table(&queue),
            broker: queue.kind.word(),
            command,
            env: workers.env.iter().map(|(name, text)| (name.clone(), fill(text))).collect(),
            every: queue.every,
            least: scaling.least,
            most: scaling.most,
            lag: scaling.lag,
            idle: workers.idle.map_or(IDLE, |span| span.0),
            memory: workers.memory.map(|bytes| bytes.0),
            stop_timeout: workers.stop_timeout.map_or(STOP_TIMEOUT, |span| span.0),
        }))
    }
}

/// The table for those in the cluster, without the address and its password.
fn table(queue: &Queue) -> String {
    let mut text = String::from("[jobs]\n");
    let quoted = |word: &str| toml::Value::String(word.to_owned()).to_string();
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    line("broker", quoted(queue.kind.word()));
    line("source", quoted(&queue.source));
    line("main", quoted(&queue.main));
    line("race", quoted(&queue.race));
    line("every", queue.every.to_string());
    if let Some(key) = &queue.key {
        line("key", quoted(key));
    }
    match queue.kind {
        Kind::RedisLists { push: Push::Right } => line("push", quoted("right")),
        Kind::RabbitMq { prefetch } => line("prefetch", prefetch.to_string()),
        _ => {}
    }
    let limits = &queue.limits;
    line("max_lag", limits.max_lag.to_string());
    for (key, span) in
        [("max_age", limits.max_age), ("stalled", limits.stalled), ("retry", limits.retry)]
    {
        line(key, quoted(&format!("{}ms", span.as_millis())));
    }
    line("attempts", limits.attempts.to_string());
    text
}
