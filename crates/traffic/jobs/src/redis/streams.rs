//! Redis streams: each entry is added to one of two streams and the place in the source moved on, in one script.
//!
//! An entry's id is the time at which it was sent on, so its age needs no writing down; the fields are copied
//! as they are, and nothing is put among them. A stream keeps what its workers have acknowledged, and nobody
//! else trims the two that we make: so we do, up to what all groups have acknowledged.
//!
//! Which job a worker has is told by its group's list of pending entries. One that stays there for
//! [`Limits::stalled`](crate::Limits) has failed, or lost its worker, which Redis cannot tell apart.

use super::{BATCH, Redis, script, state_key};
use crate::broker::{Broker, HandBack, HandedBack, InFlight, Look, Undone, When, Wish};
use crate::error::JobsError;
use crate::plan::Plan;
use redis::Script;
use std::time::Duration;

const HEAD: &str = include_str!("head.lua");
const RULE: &str = include_str!("rule.lua");
const STREAMS: &str = include_str!("streams.lua");

/// Older ones know neither `XTRIM MINID` nor `XPENDING IDLE`.
const OLDEST: (u32, u32) = (6, 2);

pub(crate) struct Streams {
    redis: Redis,
    source: String,
    main: String,
    race: String,
    state: String,
    stalled: Duration,
    /// The field that tells entries apart; empty where they are counted.
    key: String,
    /// The id up to which the source was sent on, when last seen.
    last: String,
    step: Script,
    back: Script,
    look: Script,
    undo: Script,
    running: Script,
}

impl Streams {
    pub(crate) async fn open(plan: &Plan) -> Result<Streams, JobsError> {
        let mut redis = Redis::open(&plan.url, plan.place()).await?;
        redis
            .at_least(OLDEST, "is older than 6.2, and its streams cannot do what is needed")
            .await?;
        Ok(Streams {
            redis,
            source: plan.source.clone(),
            main: plan.main.clone(),
            race: plan.race.clone(),
            state: state_key("stream", &plan.source),
            stalled: plan.limits.stalled,
            key: field(plan.key.as_deref()).to_owned(),
            last: "0-0".to_owned(),
            step: script(&[RULE, HEAD, STREAMS, include_str!("streams_step.lua")]),
            back: script(&[HEAD, STREAMS, include_str!("streams_back.lua")]),
            look: script(&[STREAMS, include_str!("streams_look.lua")]),
            undo: script(&[STREAMS, include_str!("streams_undo.lua")]),
            running: script(&[STREAMS, include_str!("streams_running.lua")]),
        })
    }

    fn keys(&self) -> [&str; 4] {
        [&self.source, &self.main, &self.race, &self.state]
    }
}

/// The field that a key names; empty where there is no key.
fn field(key: Option<&str>) -> &str {
    key.and_then(|key| key.strip_prefix("field:")).unwrap_or_default()
}

impl Broker for Streams {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        for key in [&self.source, &self.main, &self.race] {
            let kind: String = self.redis.command("tell what a key is", &["TYPE", key]).await?;
            if kind != "stream" && kind != "none" {
                return Err(self.redis.unsuited(
                    "has one of the queues, but as something else than a stream",
                    "name streams under [jobs], or say broker = \"redis-lists\"",
                ));
            }
        }
        let there: u64 = self.redis.command("find a key", &["EXISTS", &self.source]).await?;
        if there == 0 {
            return Ok(());
        }
        let groups: Vec<redis::Value> =
            self.redis.command("tell the groups", &["XINFO", "GROUPS", &self.source]).await?;
        if groups.len() > 1 {
            return Err(self.redis.unsuited(
                "has several groups at the source, so its entries are not jobs of one pool of workers",
                "sample a stream that one group reads",
            ));
        }
        Ok(())
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        let (batch, every, room) =
            (BATCH.to_string(), wish.every.to_string(), wish.room.to_string());
        let keys = [&self.source, &self.main, &self.race, &self.state].map(String::as_str);
        let arguments = [&batch, &every, &room, wish.mode, &self.key];
        let (moved, last) = self.redis.run("move jobs", &self.step, &keys, &arguments).await?;
        self.last = last;
        Ok(moved)
    }

    async fn wait(&mut self, most: Duration) -> bool {
        let most = most.as_millis().to_string();
        let (source, last) = (&self.source, &self.last);
        let words = ["XREAD", "COUNT", "1", "BLOCK", &most, "STREAMS", source, last];
        self.redis.wait(&words).await
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let keys = [&self.main, &self.race, &self.state].map(String::as_str);
        let millis = |time: Duration| time.as_millis().to_string();
        let arguments = [
            BATCH.to_string(),
            millis(what.older_than),
            what.attempts.to_string(),
            millis(self.stalled),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (waited, failed) =
            self.redis.run("move jobs back", &self.back, &keys, &arguments).await?;
        Ok(HandedBack { waited, failed, orphaned: 0 })
    }

    async fn look(&mut self, whole: bool) -> Result<Look, JobsError> {
        let keys = self.keys().map(str::to_owned);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let whole = if whole { "1" } else { "0" };
        let (source, main, race) =
            self.redis.run("tell the lengths", &self.look, &keys, &[whole]).await?;
        Ok(self.redis.state(&self.state).await?.look(source, main, race))
    }

    async fn in_flight(&mut self, when: When) -> Result<Vec<InFlight>, JobsError> {
        let least = when.ago().as_millis().to_string();
        let race = [self.race.as_str()];
        let running: Vec<(String, String)> =
            self.redis.run("tell what is under way", &self.running, &race, &[&least]).await?;
        let named = |(id, worker)| InFlight { id, kind: None, worker: Some(worker) };
        Ok(running.into_iter().map(named).collect())
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        self.redis.command("note the end", &["HSET", &self.state, "mode", mode]).await
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        let mut undone = Undone::default();
        loop {
            let keys = [&self.source, &self.main, &self.race].map(String::as_str);
            let batch = BATCH.to_string();
            let (many, running): (u64, u64) =
                self.redis.run("move jobs back", &self.undo, &keys, &[&batch]).await?;
            undone.jobs += many;
            undone.running = running;
            if many == 0 {
                break;
            }
        }
        let () = self.redis.command("forget its counts", &["DEL", &self.state]).await?;
        Ok(undone)
    }
}
