//! What lists, streams and asynq share: a connection that is made again when it broke, and scripts.
//!
//! A script is one step: Redis runs it alone, and replicates and logs what it did as one transaction.
//! What Redis forgets (a crash without `appendfsync always`, a fail-over of an asynchronous replica) is
//! beyond anybody who stands outside of it. In a cluster the queues would lie on different nodes, where
//! no script reaches; so a cluster is refused.
//!
//! Start at [`Redis::open`]; `lists`, `streams` and `asynq` are what is done with it.

mod asynq;
mod lists;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use asynq::Asynq;
pub(crate) use lists::Lists;
pub(crate) use streams::Streams;

use crate::broker::{Counts, HandedBack, Look};
use crate::error::JobsError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script};
use std::collections::HashMap;
use std::time::Duration;

/// How long Redis may take to answer; longer than a batch takes by three orders of magnitude.
const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs moved in one step: Redis serves nobody else meanwhile (about a tenth of a millisecond a hundred).
const BATCH: u64 = 100;

/// How long to wait for a job where this Redis does not let us wait.
const POLL: Duration = Duration::from_millis(5);

/// A server, by a connection that comes back.
pub(crate) struct Redis {
    client: Client,
    connection: Option<MultiplexedConnection>,
    place: String,
    /// It has refused a command that waits, as a user without the right to it or a proxy is told.
    is_deaf: bool,
}

/// A script with what it needs in front of it.
pub(crate) fn script(parts: &[&str]) -> Script {
    Script::new(&parts.concat())
}

impl Redis {
    /// Connects, and looks whether this Redis will do.
    pub(crate) async fn open(url: &str, place: String) -> Result<Redis, JobsError> {
        let client = Client::open(url).map_err(|cause| JobsError::Url { cause: cause.into() })?;
        let mut redis = Redis { client, connection: None, place, is_deaf: false };
        let info: String = redis.command("say what it is", &["INFO", "cluster"]).await?;
        if info.contains("cluster_enabled:1") {
            return Err(redis.unsuited(
                "is a cluster, where no script reaches two queues",
                "keep the queue on a Redis of its own",
            ));
        }
        Ok(redis)
    }

    /// Refuses one that is older than `oldest`, major and minor; Valkey tells the version of Redis it is like.
    pub(crate) async fn at_least(
        &mut self,
        oldest: (u32, u32),
        problem: &'static str,
    ) -> Result<(), JobsError> {
        let info: String = self.command("say what it is", &["INFO", "server"]).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let mut parts = version.unwrap_or_default().split('.').map_while(|part| part.parse().ok());
        match (parts.next(), parts.next()) {
            (Some(major), Some(minor)) if (major, minor) < oldest => {
                Err(self.unsuited(problem, "use a newer Redis, or Valkey"))
            }
            _ => Ok(()),
        }
    }

    /// A Redis that will not do.
    pub(crate) fn unsuited(&self, problem: &'static str, hint: &'static str) -> JobsError {
        JobsError::Unsuited { broker: "Redis", place: self.place.clone(), problem, hint }
    }

    /// Runs a script on `keys` with `arguments`.
    pub(crate) async fn run<T: FromRedisValue + Send>(
        &mut self,
        doing: &'static str,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<T, JobsError> {
        let mut call = script.prepare_invoke();
        keys.iter().for_each(|key| {
            call.key(*key);
        });
        arguments.iter().for_each(|argument| {
            call.arg(*argument);
        });
        let mut connection = self.connection().await?;
        let outcome = call.invoke_async(&mut connection).await;
        outcome.map_err(|cause| self.failed(doing, cause))
    }

    /// One command.
    pub(crate) async fn command<T: FromRedisValue>(
        &mut self,
        doing: &'static str,
        words: &[&str],
    ) -> Result<T, JobsError> {
        let mut connection = self.connection().await?;
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        let outcome = command.query_async(&mut connection).await;
        outcome.map_err(|cause| self.failed(doing, cause))
    }

    /// Asks with a command that waits until a queue has something, and takes nothing; whether it has.
    pub(crate) async fn wait(&mut self, words: &[&str]) -> bool {
        if !self.is_deaf
            && let Ok(mut connection) = self.connection().await
        {
            let mut command = redis::Cmd::new();
            command.arg(words);
            match command.query_async::<redis::Value>(&mut connection).await {
                Ok(answer) => return answer != redis::Value::Nil,
                Err(cause) => self.is_deaf = matches!(cause.code(), Some("NOPERM" | "ERR")),
            }
        }
        // Whatever it was, the next step meets it too, and says so.
        tokio::time::sleep(POLL).await;
        false
    }

    /// As [`Redis::wait`], for a list: what is moved from one end to the same end stays where it is.
    pub(crate) async fn wait_for_list(&mut self, list: &str, end: &str, most: Duration) -> bool {
        let seconds = format!("{:.3}", most.as_secs_f64());
        self.wait(&["BLMOVE", list, list, end, end, &seconds]).await
    }

    async fn connection(&mut self) -> Result<MultiplexedConnection, JobsError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|cause| JobsError::Connect {
            broker: "Redis",
            place: self.place.clone(),
            cause: cause.into(),
        })?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    fn failed(&mut self, doing: &'static str, cause: RedisError) -> JobsError {
        // Whatever it was: the next call has a line of its own.
        self.connection = None;
        JobsError::Ask { broker: "Redis", place: self.place.clone(), doing, cause: cause.into() }
    }

    /// What samplers wrote down about a queue.
    pub(crate) async fn state(&mut self, key: &str) -> Result<State, JobsError> {
        let fields: HashMap<String, String> = self.command("tell", &["HGETALL", key]).await?;
        let clock: (u64, u64) = self.command("tell the time", &["TIME"]).await?;
        Ok(State { fields, now: clock.0 * 1000 + clock.1 / 1000 })
    }
}

/// What samplers wrote down.
pub(crate) struct State {
    fields: HashMap<String, String>,
    now: u64,
}

impl State {
    fn number(&self, field: &str) -> u64 {
        self.fields.get(field).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// How the queues stand, from their lengths and what was written down.
    pub(crate) fn look(&self, source: u64, main: u64, race: u64) -> Look {
        let counts = Counts {
            seen: self.number("position"),
            race: self.number("race"),
            no_room: self.number("no_room"),
            put_off: self.number("put_off"),
        };
        let handed_back = HandedBack {
            waited: self.number("waited"),
            failed: self.number("failed"),
            orphaned: self.number("orphaned"),
        };
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Look {
            source: Some(source),
            main,
            race,
            taken: signed(counts.race) - signed(race) - signed(handed_back.waited),
            counts: Some(counts),
            handed_back,
            mode: self.fields.get("mode").cloned(),
            beat: self
                .fields
                .get("beat")
                .map(|_| Duration::from_millis(self.now.saturating_sub(self.number("beat")))),
        }
    }
}

/// The key of what samplers of `source` write down.
pub(crate) fn state_key(broker: &str, source: &str) -> String {
    format!("photofinish:jobs:{broker}:{source}")
}
