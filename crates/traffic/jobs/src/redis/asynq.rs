//! asynq: all tasks pass from the source to one of two queues, each with its message readdressed.
//!
//! A task's message names its queue, and a worker makes all its keys of that name; so the one field is
//! rewritten (`asynq.lua`), which is the only payload of any broker that we look into. What asynq's own
//! servers do for a queue they read (making due tasks pending, finding orphans) is done here for the
//! source, which no server reads, and for orphans of the race queue, whose servers may all be dead.
//!
//! Not done: groups (aggregation needs a server that reads the source).

use super::{BATCH, Redis, script, state_key};
use crate::broker::{Broker, HandBack, HandedBack, InFlight, Look, Undone, When, Wish};
use crate::error::JobsError;
use crate::plan::Plan;
use redis::Script;
use std::time::Duration;

const HEAD: &str = include_str!("head.lua");
const RULE: &str = include_str!("rule.lua");
const ASYNQ: &str = include_str!("asynq.lua");

pub(crate) struct Asynq {
    redis: Redis,
    source: String,
    main: String,
    race: String,
    /// The field that tells tasks apart; empty where they are counted.
    key: String,
    state: String,
    step: Script,
    back: Script,
    undo: Script,
    running: Script,
}

impl Asynq {
    pub(crate) async fn open(plan: &Plan) -> Result<Asynq, JobsError> {
        Ok(Asynq {
            redis: Redis::open(&plan.url, plan.place()).await?,
            source: plan.source.clone(),
            main: plan.main.clone(),
            race: plan.race.clone(),
            key: plan.key.clone().unwrap_or_default(),
            state: state_key("asynq", &plan.source),
            step: script(&[RULE, HEAD, ASYNQ, include_str!("asynq_step.lua")]),
            back: script(&[HEAD, ASYNQ, include_str!("asynq_back.lua")]),
            undo: script(&[ASYNQ, include_str!("asynq_undo.lua")]),
            running: script(&[ASYNQ, include_str!("asynq_running.lua")]),
        })
    }

    async fn length(&mut self, command: &str, queue: Queue, part: &str) -> Result<u64, JobsError> {
        let queue = match queue {
            Queue::Source => &self.source,
            Queue::Main => &self.main,
            Queue::Race => &self.race,
        };
        let key = format!("asynq:{{{queue}}}:{part}");
        self.redis.command("tell a length", &[command, &key]).await
    }
}

#[derive(Clone, Copy)]
enum Queue {
    Source,
    Main,
    Race,
}

impl Broker for Asynq {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        Ok(())
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        let (batch, every, room) =
            (BATCH.to_string(), wish.every.to_string(), wish.room.to_string());
        let queues = [self.source.as_str(), &self.main, &self.race];
        let [source, main, race] = queues;
        let arguments = [&batch, &every, &room, wish.mode, source, main, race, &self.key];
        self.redis.run("move tasks", &self.step, &[&self.state], &arguments).await
    }

    /// What becomes due meanwhile is made pending by the next step, soon enough: asynq itself looks every 5 s.
    async fn wait(&mut self, most: Duration) -> bool {
        let pending = format!("asynq:{{{}}}:pending", self.source);
        self.redis.wait_for_list(&pending, "RIGHT", most).await
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let (older_than, attempts) =
            (what.older_than.as_millis().to_string(), what.attempts.to_string());
        let batch = BATCH.to_string();
        let arguments =
            [&batch, &older_than, &attempts, &self.main, &self.race].map(String::as_str);
        let (waited, failed, orphaned) =
            self.redis.run("move tasks back", &self.back, &[&self.state], &arguments).await?;
        Ok(HandedBack { waited, failed, orphaned })
    }

    async fn look(&mut self, _whole: bool) -> Result<Look, JobsError> {
        let source = self.length("LLEN", Queue::Source, "pending").await?;
        let main = self.length("LLEN", Queue::Main, "pending").await?;
        let race = self.length("LLEN", Queue::Race, "pending").await?;
        Ok(self.redis.state(&self.state).await?.look(source, main, race))
    }

    async fn in_flight(&mut self, _when: When) -> Result<Vec<InFlight>, JobsError> {
        let running: Vec<(String, String)> =
            self.redis.run("tell what is under way", &self.running, &[], &[&self.race]).await?;
        let named = |(id, kind)| InFlight { id, kind: Some(kind), worker: None };
        Ok(running.into_iter().map(named).collect())
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        self.redis.command("note the end", &["HSET", &self.state, "mode", mode]).await
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        let mut undone = Undone::default();
        let batch = BATCH.to_string();
        for queue in [&self.race, &self.main] {
            loop {
                let arguments = [&batch, &self.source, queue].map(String::as_str);
                let many: u64 =
                    self.redis.run("move tasks back", &self.undo, &[], &arguments).await?;
                undone.jobs += many;
                if many == 0 {
                    break;
                }
            }
        }
        for queue in [Queue::Race, Queue::Main] {
            undone.running += self.length("LLEN", queue, "active").await?;
        }
        let () = self.redis.command("forget its counts", &["DEL", &self.state]).await?;
        Ok(undone)
    }
}
