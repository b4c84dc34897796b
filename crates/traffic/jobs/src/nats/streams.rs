//! The streams: made when they are not there, and looked at.

use super::line::Question;
use super::message::Stored;
use super::settle::now_ms;
use super::{Ledger, NO_MESSAGE, NO_STREAM, Nats, SUBJECTS, Work};
use crate::error::JobsError;
use serde_json::{Value, json};
use std::time::Duration;

/// How a stream stands that workers read.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) last: u64,
    pub(super) messages: u64,
    /// Of these, with no worker.
    pub(super) waiting: u64,
    pub(super) consumers: Vec<Value>,
    /// As the server has it; null where there is no such stream.
    pub(super) stream: Value,
}

impl Queue {
    /// Jobs that workers have.
    pub(super) fn running(&self) -> u64 {
        self.messages - self.waiting
    }
}

impl Nats {
    /// How a stream stands; nothing but zeros where there is none.
    pub(super) async fn queue(&mut self, name: &str) -> Result<Queue, JobsError> {
        let doing = "tell how a stream stands";
        let subjects = [format!("STREAM.INFO.{name}"), format!("CONSUMER.LIST.{name}")];
        let questions =
            subjects.map(|subject| Question::new(&self.line.api(&subject), &Value::Null));
        let answers = self.line.ask_all(doing, questions.into()).await?;
        let mut values = Vec::new();
        for answer in &answers {
            match self.line.read(doing, answer)? {
                Ok(value) => values.push(value),
                Err(refusal) if refusal.code == NO_STREAM => return Ok(Queue::default()),
                Err(refusal) => return Err(self.line.refused(doing, refusal)),
            }
        }
        let [stream, list] = &mut values[..] else { return Ok(Queue::default()) };
        let consumers = list["consumers"].as_array().cloned().unwrap_or_default();
        let number = |name: &str| stream["state"][name].as_u64().unwrap_or(0);
        let (last, messages) = (number("last_seq"), number("messages"));
        let running: u64 =
            consumers.iter().filter_map(|consumer| consumer["num_ack_pending"].as_u64()).sum();
        let waiting = messages.saturating_sub(running);
        Ok(Queue { last, messages, waiting, consumers, stream: stream.take() })
    }

    /// The last sequences of the normal workers' stream and the race build's.
    pub(super) async fn last_sequences(&mut self) -> Result<(u64, u64), JobsError> {
        let (main, race) = (self.main.clone(), self.race.clone());
        Ok((self.queue(&main).await?.last, self.queue(&race).await?.last))
    }

    /// Jobs of the source behind `through`.
    pub(super) async fn unsampled(&mut self, through: u64) -> Result<u64, JobsError> {
        let source = self.queue(&self.source.clone()).await?;
        Ok(source.messages.min(source.last.saturating_sub(through)))
    }

    /// How long ago the ledger was written.
    pub(super) async fn last_written(&mut self) -> Result<Option<Duration>, JobsError> {
        let book = self.book();
        let subject = format!("STREAM.MSG.GET.{book}");
        let answer =
            self.line.ask("tell the time", &subject, &json!({"last_by_subj": book})).await?;
        let stored = answer.ok().and_then(|answer| Stored::read(&answer["message"]));
        Ok(stored.map(|stored| Duration::from_millis(now_ms().saturating_sub(stored.stored_ms()))))
    }

    /// The first message of a stream from `seq` on.
    pub(super) async fn next_of(
        &mut self,
        stream: &str,
        seq: u64,
    ) -> Result<Option<Stored>, JobsError> {
        Ok(self.next_and(stream, seq, &[]).await?.0)
    }

    /// The first message of a stream from `seq` on, and those of some sequences.
    pub(super) async fn next_and(
        &mut self,
        stream: &str,
        seq: u64,
        seqs: &[u64],
    ) -> Result<(Option<Stored>, Vec<Option<Stored>>), JobsError> {
        let next = json!({"seq": seq.max(1), "next_by_subj": ">"});
        let bodies = seqs.iter().map(|seq| json!({"seq": seq}));
        let mut found = self.get(stream, std::iter::once(next).chain(bodies)).await?.into_iter();
        Ok((found.next().flatten(), found.collect()))
    }

    /// The messages of these sequences, none for one that is not there.
    pub(super) async fn get_all(
        &mut self,
        stream: &str,
        seqs: &[u64],
    ) -> Result<Vec<Option<Stored>>, JobsError> {
        self.get(stream, seqs.iter().map(|seq| json!({"seq": seq}))).await
    }

    async fn get(
        &mut self,
        stream: &str,
        bodies: impl Iterator<Item = Value>,
    ) -> Result<Vec<Option<Stored>>, JobsError> {
        let subject = self.line.api(&format!("STREAM.MSG.GET.{stream}"));
        let questions = bodies.map(|body| Question::new(&subject, &body));
        let answers = self.line.ask_all("read jobs", questions.collect()).await?;
        let mut found = Vec::with_capacity(answers.len());
        for answer in &answers {
            found.push(match self.line.read("read jobs", answer)? {
                Ok(answer) => Stored::read(&answer["message"]),
                Err(refusal) if refusal.code == NO_MESSAGE => None,
                Err(refusal) => return Err(self.line.refused("read jobs", refusal)),
            });
        }
        Ok(found)
    }

    /// Makes what is missing, having looked whether the source is a queue of jobs.
    pub(super) async fn make_streams(&mut self) -> Result<(), JobsError> {
        let source = self.queue(&self.source.clone()).await?;
        if source.stream.is_null() {
            return Err(self.line.unsuited(
                "has no stream of the name of the source",
                "name the stream that keeps the jobs: source = \"…\" (`nats stream ls` lists them)",
            ));
        }
        self.check_source(&source)?;
        self.subjects = heard(&source.stream["config"]);
        for (name, is_main) in [(self.main.clone(), true), (self.race.clone(), false)] {
            let there = self.queue(&name).await?;
            if there.stream.is_null() {
                let config = queue_config(&name, &source.stream["config"], is_main);
                self.line.must("make a stream", &format!("STREAM.CREATE.{name}"), &config).await?;
            } else if there.stream["config"]["subjects"] != json!([format!("{name}.>")])
                || there.stream["config"]["retention"] != "workqueue"
            {
                return Err(self.line.unsuited(
                    "has another stream by the name of `main` or `race`",
                    "give `main` and `race` names that are free; photofinish makes the streams",
                ));
            }
        }
        self.begin_ledger(&source).await
    }

    fn check_source(&self, source: &Queue) -> Result<(), JobsError> {
        let config = &source.stream["config"];
        let is_shared = config["retention"] == "limits" && source.consumers.len() > 1;
        if config["retention"] == "interest" || is_shared {
            return Err(self.line.unsuited(
                "has a source that is no queue: several consumers get each message of it",
                "sample a stream with workqueue retention, or with one consumer",
            ));
        }
        if ["sealed", "deny_purge", "deny_delete"].iter().any(|word| config[*word] == true) {
            return Err(self.line.unsuited(
                "does not let jobs be removed from the source",
                "sample a stream that is neither sealed nor denies purging",
            ));
        }
        Ok(())
    }

    /// Writes down where to begin, unless somebody has.
    async fn begin_ledger(&mut self, source: &Queue) -> Result<(), JobsError> {
        let book = self.book();
        let there = self.queue(&book).await?;
        if there.stream.is_null() {
            let replicas = &source.stream["config"]["num_replicas"];
            let config = json!({
                "name": book, "subjects": [book], "retention": "limits", "max_msgs": 1, "discard": "old",
                "storage": source.stream["config"]["storage"], "num_replicas": replicas,
                "description": "how far photofinish jobs is",
            });
            self.line.must("make a stream", &format!("STREAM.CREATE.{book}"), &config).await?;
        }
        if there.messages > 0 {
            return Ok(());
        }
        if source.running() > 0 {
            return Err(self.line.unsuited(
                "has jobs of the source that workers were given and have not acknowledged",
                "end the workers of the source in good order, or remove their consumer: what they have is then sampled too",
            ));
        }
        let mut ledger = Ledger::default();
        // A queue with limits keeps what is done; its one consumer knows what that is.
        if source.stream["config"]["retention"] == "limits"
            && let Some(consumer) = source.consumers.first()
        {
            ledger.through = consumer["ack_floor"]["stream_seq"].as_u64().unwrap_or(0);
        }
        let (main_at, race_at) = self.last_sequences().await?;
        ledger.work = Work { main_at, race_at, ..Work::default() };
        if !self.write(ledger, there.last).await? {
            self.standing_by = None;
        }
        Ok(())
    }
}

/// The subjects on which all jobs of a stream can be heard; none where they come some other way.
fn heard(config: &Value) -> Vec<String> {
    let comes_otherwise =
        ["mirror", "sources", "subject_transform"].iter().any(|word| !config[*word].is_null());
    let subjects = config["subjects"].as_array().into_iter().flatten();
    let subjects: Vec<String> =
        subjects.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    if comes_otherwise || subjects.len() > SUBJECTS { Vec::new() } else { subjects }
}

/// A stream for workers, made as the source is.
fn queue_config(name: &str, source: &Value, is_main: bool) -> Value {
    let mut config = json!({
        "name": name, "subjects": [format!("{name}.>")], "retention": "workqueue", "max_msg_size": -1,
        "description": "jobs that photofinish jobs sent on",
    });
    let mut like_source = |word: &str| {
        if !source[word].is_null() {
            config[word] = source[word].clone();
        }
    };
    let same = [
        "storage",
        "num_replicas",
        "placement",
        "max_age",
        "compression",
        "allow_msg_ttl",
        "duplicate_window",
    ];
    same.iter().for_each(|word| like_source(word));
    if is_main {
        ["max_msgs", "max_bytes", "discard"].iter().for_each(|word| like_source(word));
    }
    config
}
