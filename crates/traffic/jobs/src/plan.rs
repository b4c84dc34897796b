//! What is asked for: plain data, checked once. Nothing here waits or opens anything.

use crate::error::JobsError;
use crate::rule::LARGEST;
use std::time::Duration;

/// One queue that is sampled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where jobs wait, and how they are kept there.
    pub kind: Kind,
    /// `redis://…` or `postgres://…`; may hold a password, which no message of ours repeats.
    pub url: String,
    /// What producers write to.
    pub source: String,
    /// What the normal workers read; on Postgres the source itself.
    pub main: String,
    /// What the race build's workers read.
    pub race: String,
    /// One of so many jobs goes to the race build's workers.
    pub every: u32,
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
        }
    }

    /// Whether jobs stay where producers put them, all but the chosen ones; else all pass through us.
    pub fn in_place(self) -> bool {
        matches!(self, Kind::River)
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
                "order is kept in each queue, but for the jobs that are doubled; a job that goes back goes to the end",
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
        if !self.url.contains("://") {
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

    /// Where the broker is, without what is secret.
    pub fn place(&self) -> String {
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
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_place_is_told_without_its_password() {
        assert_eq!(plan().place(), "10.0.0.7:6379");
        let url = "postgres://a:p%40ss@db.internal/app?sslmode=disable".to_owned();
        assert_eq!(Plan { url, ..plan() }.place(), "db.internal");
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
