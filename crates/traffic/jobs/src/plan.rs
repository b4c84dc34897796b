//! What is asked for: plain data, checked once. Nothing here waits or opens anything.

use crate::error::JobsError;
use crate::rule::LARGEST;
use std::time::Duration;

/// One queue that is sampled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where jobs wait, and how they are kept there.
    pub kind: Kind,
    /// `redis://…`, `postgres://…` or `sqlite:FILE`; may hold a password, which no message of ours repeats.
    pub url: String,
    /// What producers write to.
    pub source: String,
    /// What the normal workers read; on Postgres the source itself.
    pub main: String,
    /// What the race build's workers read.
    pub race: String,
    /// One of so many jobs goes to the race build's workers.
    pub every: u32,
    /// Jobs with the same key go to the same side: a field that the broker keeps (`Kind::keys`). None: jobs are
    /// counted, and the share is exact.
    pub key: Option<String>,
    /// When those workers are left alone.
    pub limits: Limits,
}

/// The brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain lists, pushed at one end and popped at the other.
    RedisLists {
        /// At which end producers push.
        push: Push,
    },
    /// Redis streams, read by one group of workers each.
    RedisStreams,
    /// A stream of NATS JetStream.
    Nats,
    /// A queue of RabbitMQ.
    RabbitMq {
        /// Jobs taken at once, and so the most that a crash can double.
        prefetch: u16,
    },
    /// The queues of github.com/hibiken/asynq.
    Asynq,
    /// The table of riverqueue.com in Postgres.
    River,
    /// A table of our own in a SQLite file, for whoever has no broker.
    Sqlite,
}

/// An end of a Redis list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Push {
    /// `LPUSH`, and workers `BRPOP`: the usual way.
    #[default]
    Left,
    /// `RPUSH`, and workers `BLPOP`.
    Right,
}

/// When the race build's workers get nothing more, and what they have goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many jobs may wait for them.
    pub max_lag: u64,
    /// A job that waited so long goes to the normal workers.
    pub max_age: Duration,
    /// Workers that take nothing for so long while something waits are taken for dead; longer than a
    /// job takes in a race build.
    pub stalled: Duration,
    /// So long after that they are tried again.
    pub retry: Duration,
    /// A job that failed so often there goes to the normal workers (asynq and River).
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_lag: 100,
            max_age: Duration::from_secs(60),
            stalled: Duration::from_secs(30),
            retry: Duration::from_secs(30),
            attempts: 1,
        }
    }
}

impl Kind {
    /// As it is written in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Kind::RedisLists { .. } => "redis-lists",
            Kind::RedisStreams => "redis-streams",
            Kind::Nats => "nats",
            Kind::RabbitMq { .. } => "rabbitmq",
            Kind::Asynq => "asynq",
            Kind::River => "river",
            Kind::Sqlite => "sqlite",
        }
    }

    /// Whether jobs stay where producers put them, all but the chosen ones; else all pass through us.
    pub fn in_place(self) -> bool {
        matches!(self, Kind::River | Kind::Sqlite)
    }

    /// The fields that jobs can be told apart by, as they are written in the configuration; those that end in
    /// a colon want a name behind it. A payload is never looked into.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Asynq => &["type", "header:"],
            Kind::River => &["kind", "tag", "metadata:"],
            Kind::RedisStreams => &["field:"],
            Kind::Nats => &["header:", "subject"],
            Kind::RabbitMq { .. } => &["header:"],
            Kind::RedisLists { .. } | Kind::Sqlite => &[],
        }
    }

    /// What holds, in a sentence each; `docs/jobs.md` has the table, the tests prove it.
    pub fn guarantees(self) -> &'static [&'static str] {
        match self {
            Kind::RedisLists { .. } => &[
                "no job is lost or doubled by us, whoever dies when; what Redis itself forgets is lost",
                "exactly one of each N, less what did not fit into the race queue",
                "order is kept in each queue; a job that goes back is the next one taken",
            ],
            Kind::RedisStreams => &[
                "no job is lost or doubled by us, whoever dies when; what Redis itself forgets is lost",
                "exactly one of each N, less what did not fit into the race queue",
                "order is kept in each queue; a job that goes back goes to the end",
                "a job that is not acknowledged in the race queue goes to the normal workers",
            ],
            Kind::Nats => &[
                "no job is lost or doubled by the sampling, whoever dies when: each copy is fenced on the last sequence",
                "exactly one of each N, less what did not fit into the race queue",
                "order is kept in each queue; a job that goes back goes to the end",
                "a job that the race queue's consumer gave up (max_deliver) goes to the normal workers",
            ],
            Kind::RabbitMq { .. } => &[
                "no job is lost by us, whoever dies when",
                "a sampler that is killed doubles at most `prefetch` jobs, on the same side, marked x-photofinish-redelivered",
                "exactly one of each N, less what did not fit into the race queue",
                "order is kept in each queue, but for what a killed sampler had in hand; a job that goes back goes to the end",
                "a job that the race queue rejects goes to the normal workers",
            ],
            Kind::Asynq => &[
                "no task is lost or doubled by us, whoever dies when; what Redis itself forgets is lost",
                "exactly one of each N, less what did not fit into the race queue",
                "order is kept in each queue; a task that goes back is the next one taken",
                "a task that fails in the race queue is never archived there for good",
            ],
            Kind::River => &[
                "no job is lost or doubled: a row's queue is chosen in the producer's own transaction",
                "exactly one of each N ids of the table while a sampler runs, none while none does",
                "order is kept in each queue",
                "a job that fails in the race queue is never discarded there for good",
            ],
            Kind::Sqlite => &[
                "no job is lost or doubled: a job's queue is chosen in the producer's own transaction",
                "exactly one of each N while a sampler runs, less what did not fit, none while none does",
                "order is kept in each queue; a job that goes back is taken as old as it is",
                "a job that fails in the race queue never dies there",
            ],
        }
    }
}

impl Plan {
    /// Checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// Queues that are the same or have no name, an N that no arithmetic of ours holds.
    pub fn check(&self) -> Result<(), JobsError> {
        let wrong = |key, problem: &str| JobsError::Plan { key, problem: problem.to_owned() };
        for (key, name) in [("source", &self.source), ("main", &self.main), ("race", &self.race)] {
            if name.is_empty() {
                return Err(wrong(key, "has no name"));
            }
        }
        if self.kind == Kind::Sqlite {
            if self.place().is_empty() {
                return Err(wrong("url", "names no file, as in sqlite:jobs.db"));
            }
        } else if !self.url.contains("://") {
            return Err(wrong(
                "url",
                "is no URL, like redis://127.0.0.1:6379/0 or postgres://app@127.0.0.1/app",
            ));
        }
        if self.race == self.source || self.race == self.main {
            return Err(wrong("race", "is the queue of the normal workers or producers too"));
        }
        match (self.kind.in_place(), self.main == self.source) {
            (false, true) => {
                return Err(wrong(
                    "main",
                    "is the queue of the producers too; all jobs pass from one to the other",
                ));
            }
            (true, false) => {
                return Err(wrong(
                    "main",
                    "is not the source; here jobs stay where producers put them",
                ));
            }
            _ => {}
        }
        if !(1..=LARGEST).contains(&self.every) {
            return Err(wrong("every", &format!("is {}; from 1 to {LARGEST}", self.every)));
        }
        if let Some(key) = &self.key {
            let known = self.kind.keys();
            let is_known = |field: &&str| match field.strip_suffix(':') {
                Some(_) => key.strip_prefix(*field).is_some_and(|name| !name.is_empty()),
                None => key == *field,
            };
            if known.is_empty() {
                let what = "cannot be had: this broker keeps nothing of a job by which it could be told apart";
                return Err(wrong("key", what));
            }
            if !known.iter().any(is_known) {
                return Err(wrong("key", &format!("is `{key}`; one of: {}", known.join(", "))));
            }
        }
        if self.limits.max_lag == 0 {
            return Err(wrong("max_lag", "is 0; nothing would ever be sent to the race queue"));
        }
        if matches!(self.kind, Kind::RabbitMq { prefetch: 0 }) {
            return Err(wrong("prefetch", "is 0; nothing would ever be taken"));
        }
        if self.limits.attempts == 0 {
            return Err(wrong("attempts", "is 0; a job fails once before it goes back"));
        }
        Ok(())
    }

    /// `text` with what workers need to know of the queue: `{queue}` is its name, `{url}` where the broker is
    /// (a file's path, without the scheme).
    pub fn fill(&self, text: &str, queue: &str) -> String {
        let url = if self.kind == Kind::Sqlite { self.place() } else { self.url.clone() };
        text.replace("{queue}", queue).replace("{url}", &url)
    }

    /// Whether the queue does not even exist: the first who comes makes its file.
    pub fn is_to_be_made(&self) -> bool {
        self.kind == Kind::Sqlite && !std::path::Path::new(&self.place()).exists()
    }

    /// Where the broker is, without what is secret.
    pub fn place(&self) -> String {
        if self.kind == Kind::Sqlite {
            let path = self.url.strip_prefix("sqlite:").unwrap_or(&self.url);
            return path.strip_prefix("//").unwrap_or(path).to_owned();
        }
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let rest = rest.split(['/', '?']).next().unwrap_or(rest);
        rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            kind: Kind::Asynq,
            url: "redis://app:s3cret@10.0.0.7:6379/2".to_owned(),
            source: "mail".to_owned(),
            main: "mail_main".to_owned(),
            race: "mail_race".to_owned(),
            every: 10,
            key: None,
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_key_is_a_field_that_the_broker_keeps() {
        let with = |kind, key: &str| Plan { kind, key: Some(key.to_owned()), ..plan() }.check();
        assert!(with(Kind::Asynq, "type").is_ok() && with(Kind::Asynq, "header:tenant").is_ok());
        for wrong in ["header:", "header", "payload", ""] {
            assert!(
                with(Kind::Asynq, wrong).unwrap_err().to_string().contains("header:"),
                "{wrong}"
            );
        }
        let lists = Kind::RedisLists { push: Push::Left };
        assert!(with(Kind::RedisStreams, "field:tenant").is_ok());
        assert!(with(Kind::Nats, "subject").is_ok() && with(Kind::Nats, "header:tenant").is_ok());
        assert!(with(Kind::RabbitMq { prefetch: 1 }, "header:tenant").is_ok());
        assert!(with(Kind::RabbitMq { prefetch: 1 }, "subject").is_err());
        assert!(with(lists, "type").unwrap_err().to_string().contains("cannot be had"));
    }

    #[test]
    fn a_place_is_told_without_its_password() {
        assert_eq!(plan().place(), "10.0.0.7:6379");
        let url = "postgres://a:p%40ss@db.internal/app?sslmode=disable".to_owned();
        assert_eq!(Plan { url, ..plan() }.place(), "db.internal");
        for url in ["sqlite:/var/lib/app/jobs.db", "sqlite:///var/lib/app/jobs.db"] {
            let plan = Plan { url: url.to_owned(), kind: Kind::Sqlite, ..plan() };
            assert_eq!(plan.place(), "/var/lib/app/jobs.db");
        }
    }

    #[test]
    fn queues_that_would_feed_themselves_are_refused() {
        assert!(plan().check().is_ok());
        for wrong in [
            Plan { race: "mail".to_owned(), ..plan() },
            Plan { race: "mail_main".to_owned(), ..plan() },
            Plan { main: "mail".to_owned(), ..plan() },
            Plan { url: "host=db password=s3cret".to_owned(), ..plan() },
            Plan { main: String::new(), ..plan() },
            Plan { kind: Kind::River, ..plan() },
            Plan { every: 0, ..plan() },
            Plan { every: 2_000_000, ..plan() },
            Plan { limits: Limits { max_lag: 0, ..Limits::default() }, ..plan() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
