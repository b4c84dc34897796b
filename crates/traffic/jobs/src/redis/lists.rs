//! Plain Redis lists: all jobs pass from the source to one of two lists, by `LMOVE`.
//!
//! A list has no numbers, so the position is counted in a hash beside it, in the same script that moves
//! the jobs. Neither has it times: a second list holds when each job of the race queue was sent there.

use super::{BATCH, Redis, script, state_key};
use crate::broker::{Broker, HandBack, HandedBack, Look, Undone, Wish};
use crate::error::JobsError;
use crate::plan::{Plan, Push};
use redis::Script;
use std::time::Duration;

const HEAD: &str = include_str!("head.lua");
const RULE: &str = include_str!("rule.lua");

pub(crate) struct Lists {
    redis: Redis,
    source: String,
    main: String,
    race: String,
    state: String,
    times: String,
    /// The ends that workers take from and producers push to.
    from: &'static str,
    to: &'static str,
    step: Script,
    back: Script,
    undo: Script,
}

impl Lists {
    pub(crate) async fn open(plan: &Plan, push: Push) -> Result<Lists, JobsError> {
        let state = state_key("list", &plan.source);
        let (from, to) = match push {
            Push::Left => ("RIGHT", "LEFT"),
            Push::Right => ("LEFT", "RIGHT"),
        };
        Ok(Lists {
            redis: Redis::open(&plan.url, plan.place()).await?,
            source: plan.source.clone(),
            main: plan.main.clone(),
            race: plan.race.clone(),
            times: format!("{state}:times"),
            state,
            from,
            to,
            step: script(&[RULE, HEAD, include_str!("lists_step.lua")]),
            back: script(&[HEAD, include_str!("lists_back.lua")]),
            undo: script(&[include_str!("lists_undo.lua")]),
        })
    }
}

impl Broker for Lists {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        Ok(())
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        let keys = [&self.source, &self.main, &self.race, &self.state, &self.times];
        let (batch, every, room) =
            (BATCH.to_string(), wish.every.to_string(), wish.room.to_string());
        let arguments = [&batch, &every, &room, self.from, self.to, wish.mode];
        let keys = keys.map(String::as_str);
        self.redis.run("move jobs", &self.step, &keys, &arguments).await
    }

    async fn wait(&mut self, most: Duration) -> bool {
        self.redis.wait_for_list(&self.source, self.from, most).await
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let keys = [&self.main, &self.race, &self.state, &self.times].map(String::as_str);
        let older_than = what.older_than.as_millis().to_string();
        let arguments = [&BATCH.to_string(), &older_than, self.from];
        let waited = self.redis.run("move jobs back", &self.back, &keys, &arguments).await?;
        Ok(HandedBack { waited, ..HandedBack::default() })
    }

    async fn look(&mut self, _whole: bool) -> Result<Look, JobsError> {
        let source = self.redis.command("tell a length", &["LLEN", &self.source]).await?;
        let main = self.redis.command("tell a length", &["LLEN", &self.main]).await?;
        // Read before the counts: what is taken in between is seen the next time.
        let race = self.redis.command("tell a length", &["LLEN", &self.race]).await?;
        Ok(self.redis.state(&self.state).await?.look(source, main, race))
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        self.redis.command("note the end", &["HSET", &self.state, "mode", mode]).await
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        let mut undone = Undone::default();
        for queue in [&self.race, &self.main] {
            loop {
                let keys = [self.source.as_str(), queue];
                let arguments = [&BATCH.to_string(), self.from];
                let many: u64 =
                    self.redis.run("move jobs back", &self.undo, &keys, &arguments).await?;
                undone.jobs += many;
                if many == 0 {
                    break;
                }
            }
        }
        let () =
            self.redis.command("forget its counts", &["DEL", &self.state, &self.times]).await?;
        Ok(undone)
    }
}
