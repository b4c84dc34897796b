//! `[jobs]`: the queue that is sampled.

use super::{Config, ConfigError, Span};
use photofinish_jobs::{JobsError, Kind, Limits, Plan, Push};
use serde::Deserialize;

/// A queue, of which race-built workers get every N-th job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobsConfig {
    /// What keeps the jobs.
    pub(crate) broker: Option<BrokerName>,
    /// Where it is.
    pub(crate) url: Option<String>,
    /// The queue that producers write to.
    pub(crate) source: Option<String>,
    /// The queue of the normal workers.
    pub(crate) main: Option<String>,
    /// The queue of the race build's workers.
    pub(crate) race: Option<String>,
    /// One of so many jobs goes to the race build's workers.
    pub(crate) every: Option<u32>,
    /// So many may wait for them.
    pub(crate) max_lag: Option<u64>,
    /// What waited so long goes back.
    pub(crate) max_age: Option<Span>,
    /// Workers that take nothing for so long are taken for dead.
    pub(crate) stalled: Option<Span>,
    /// So long later they are tried again.
    pub(crate) retry: Option<Span>,
    /// What failed there so often goes back.
    pub(crate) attempts: Option<u32>,
    /// Jobs that are taken at once from RabbitMQ.
    pub(crate) prefetch: Option<u16>,
    /// At which end of a list producers push.
    pub(crate) push: Option<End>,
}

/// What keeps the jobs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BrokerName {
    /// Plain Redis lists.
    RedisLists,
    /// Redis streams.
    RedisStreams,
    /// NATS JetStream.
    Nats,
    /// RabbitMQ.
    Rabbitmq,
    /// hibiken/asynq, on Redis.
    Asynq,
    /// River, in Postgres.
    River,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// `LPUSH` and `BRPOP`.
    Left,
    /// `RPUSH` and `BLPOP`.
    Right,
}

/// Flags that go over the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobsFlags {
    pub(crate) url: Option<String>,
    pub(crate) every: Option<u32>,
}

impl Config {
    /// What is asked of the sampler, checked.
    pub(crate) fn jobs_plan(&self, flags: &JobsFlags) -> Result<Plan, ConfigError> {
        let jobs = &self.jobs;
        let missing = |key, hint: &str| self.wrong(key, "is missing", Some(hint.to_owned()));
        let push = match jobs.push {
            None | Some(End::Left) => Push::Left,
            Some(End::Right) => Push::Right,
        };
        let broker = jobs.broker.ok_or_else(|| {
            missing(
                "jobs.broker",
                "say under [jobs] what keeps the jobs: broker = \"redis-lists\", \"redis-streams\", \"asynq\", \"nats\", \"rabbitmq\" or \"river\"",
            )
        })?;
        let kind = match broker {
            BrokerName::RedisLists => Kind::RedisLists { push },
            BrokerName::RedisStreams => Kind::RedisStreams,
            BrokerName::Nats => Kind::Nats,
            BrokerName::Rabbitmq => Kind::RabbitMq { prefetch: jobs.prefetch.unwrap_or(100) },
            BrokerName::Asynq => Kind::Asynq,
            BrokerName::River => Kind::River,
        };
        if jobs.push.is_some() && !matches!(kind, Kind::RedisLists { .. }) {
            return Err(self.wrong("jobs.push", "is for redis-lists only", None));
        }
        if jobs.prefetch.is_some() && !matches!(kind, Kind::RabbitMq { .. }) {
            return Err(self.wrong("jobs.prefetch", "is for rabbitmq only", None));
        }
        let source = jobs.source.clone().ok_or_else(|| {
            missing("jobs.source", "name the queue that producers write to: source = \"mail\"")
        })?;
        let url = flags.url.clone().or_else(|| jobs.url.clone()).ok_or_else(|| {
            missing(
                "jobs.url",
                "say where the broker is: url = \"redis://127.0.0.1:6379/0\", or PHOTOFINISH_JOBS_URL",
            )
        })?;
        let beside = |name: &str| format!("{source}_{name}");
        let main = if kind.in_place() { source.clone() } else { beside("main") };
        let usual = Limits::default();
        let span = |value: Option<Span>, usual| value.map_or(usual, |span: Span| span.0);
        let plan = Plan {
            kind,
            url,
            main: jobs.main.clone().unwrap_or(main),
            race: jobs.race.clone().unwrap_or_else(|| beside("race")),
            source,
            every: flags.every.or(jobs.every).unwrap_or(10),
            limits: Limits {
                max_lag: jobs.max_lag.unwrap_or(usual.max_lag),
                max_age: span(jobs.max_age, usual.max_age),
                stalled: span(jobs.stalled, usual.stalled),
                retry: span(jobs.retry, usual.retry),
                attempts: jobs.attempts.unwrap_or(usual.attempts),
            },
        };
        plan.check().map_err(|error| match error {
            JobsError::Plan { key, problem } => self.wrong(&format!("jobs.{key}"), &problem, None),
            other => self.wrong("jobs", &other.to_string(), other.hint()),
        })?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.jobs_plan(&JobsFlags::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn three_lines_are_enough_and_the_other_queues_get_names() {
        let table = "[jobs]\nbroker = \"asynq\"\nurl = \"redis://127.0.0.1/\"\nsource = \"mail\"\n";
        let plan = plan(table).unwrap();
        assert_eq!((plan.main.as_str(), plan.race.as_str()), ("mail_main", "mail_race"));
        assert_eq!((plan.every, plan.limits), (10, Limits::default()));
    }

    #[test]
    fn on_postgres_the_jobs_stay_where_they_are() {
        let table =
            "[jobs]\nbroker = \"river\"\nurl = \"postgres://db/app\"\nsource = \"default\"\n";
        let river = plan(table).unwrap();
        assert_eq!((river.main.as_str(), river.race.as_str()), ("default", "default_race"));
        let error = plan(&format!("{table}main = \"other\"\n")).unwrap_err();
        assert!(error.contains("jobs.main"), "{error}");
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        assert!(plan("").unwrap_err().contains("`jobs.broker` is missing"));
        assert!(plan("[jobs]\nbroker = \"kafka\"\n").unwrap_err().contains("line 2"));
        let table = "[jobs]\nbroker = \"asynq\"\nurl = \"redis://h/\"\nsource = \"q\"\n";
        for (line, key) in [
            ("every = 0", "jobs.every"),
            ("race = \"q\"", "jobs.race"),
            ("push = \"right\"", "jobs.push"),
        ] {
            let error = plan(&format!("{table}{line}\n")).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
