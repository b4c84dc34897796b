//! Jobs leave the race queue again, or, when all is undone, both queues.
//!
//! What waits is had the way a worker has it: from the consumer, which gives it to nobody else for as long
//! as its `ack_wait`. So it is copied and acknowledged within that time; only a sampler that is killed in
//! between, and followed by none until the time is over, leaves a job that a race worker gets as well. Where
//! there is no consumer, nobody else can have it. What nobody will be given again, since the consumer's
//! `max_deliver` is reached, has failed.

use super::line::Question;
use super::message::{Copy, Stored};
use super::settle::now_ms;
use super::streams::Queue;
use super::{Job, NO_STREAM, Nats, Work};
use crate::broker::{HandBack, HandedBack, InFlight, Undone};
use crate::error::JobsError;
use async_nats::Message;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Jobs that are taken at once.
const FEW: usize = 32;

/// A job that a consumer has given us.
struct Lease {
    seq: u64,
    /// Where it is acknowledged.
    reply: String,
}

impl Nats {
    pub(super) async fn take_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        self.ledger().await?;
        if !self.settled && !self.settle(HashMap::new()).await? {
            return Ok(HandedBack::default());
        }
        let (mut ledger, at) = self.ledger().await?;
        let race = self.queue(&self.race.clone()).await?;
        let failed = self.failed_jobs(&race).await?;
        let begun = Instant::now();
        let (mut waited, mut leases) = (Vec::new(), Vec::new());
        if race.consumers.is_empty() {
            let mut from = 1;
            while waited.len() < FEW
                && let Some(job) = self.next_of(&self.race.clone(), from).await?
                && is_old(&job, what)
            {
                from = job.seq + 1;
                waited.push(job.seq);
            }
        }
        for consumer in &race.consumers {
            leases.extend(self.lease_old(consumer, what).await?);
        }
        waited.extend(leases.iter().map(|lease| lease.seq));
        if waited.is_empty() && failed.is_empty() {
            return Ok(HandedBack::default());
        }
        let back =
            HandedBack { waited: waited.len() as u64, failed: failed.len() as u64, orphaned: 0 };
        ledger.waited += back.waited;
        ledger.failed += back.failed;
        let (main_at, race_at) = ledger.work.ends();
        let job = |seq, failed| Job { seq, race: false, failed };
        let jobs = failed.iter().map(|seq| job(*seq, true));
        let jobs = jobs.chain(waited.iter().map(|seq| job(*seq, false))).collect();
        ledger.work = Work { back: true, main_at, race_at, jobs };
        // Somebody who was stopped for long has them no more.
        let is_late = begun.elapsed() > least_wait(&race.consumers) / 2;
        if is_late || !self.write(ledger, at).await? {
            self.answer(&leases, "-NAK").await?;
            return Ok(HandedBack::default());
        }
        self.settle(HashMap::new()).await?;
        self.answer(&leases, "+ACK").await?;
        self.given_up.clear();
        Ok(back)
    }

    /// Jobs that no worker will be given again. The server says so when it happens; while none is with a
    /// worker, it can also be seen, twice in a row, since what was acknowledged just now may be there still.
    async fn failed_jobs(&mut self, race: &Queue) -> Result<Vec<u64>, JobsError> {
        let heard = self.line.heard().into_iter().filter_map(|news| news["stream_seq"].as_u64());
        let heard: Vec<u64> = heard.collect();
        let found = self.get_all(&self.race.clone(), &heard).await?;
        let mut failed: HashSet<u64> = found.into_iter().flatten().map(|job| job.seq).collect();
        let mut seen = HashSet::new();
        let number = |consumer: &Value, field: &str| consumer[field].as_u64().unwrap_or(0);
        if let [consumer] = &race.consumers[..]
            && race.running() == 0
            && race.waiting > number(consumer, "num_pending")
        {
            let given = number(&consumer["delivered"], "stream_seq");
            let mut from = 1;
            while seen.len() < FEW
                && let Some(job) = self.next_of(&self.race.clone(), from).await?
                && job.seq <= given
            {
                from = job.seq + 1;
                seen.insert(job.seq);
            }
        }
        failed.extend(seen.intersection(&self.given_up));
        self.given_up = seen;
        let mut failed: Vec<u64> = failed.into_iter().collect();
        failed.sort_unstable();
        Ok(failed)
    }

    /// What workers of the race queue have: what was given out and is still there, since what is acknowledged is gone.
    /// A message that nobody will be given again is there, too; then it cannot be told which is which.
    pub(super) async fn with_workers(&mut self) -> Result<Vec<InFlight>, JobsError> {
        let race = self.queue(&self.race.clone()).await?;
        let [consumer] = &race.consumers[..] else { return Ok(Vec::new()) };
        let given = consumer["delivered"]["stream_seq"].as_u64().unwrap_or(0);
        let (running, prefix) = (race.running(), format!("{}.", self.race));
        let (mut jobs, mut from) = (Vec::new(), 1);
        while jobs.len() < FEW
            && let Some(job) = self.next_of(&self.race.clone(), from).await?
            && job.seq <= given
        {
            from = job.seq + 1;
            jobs.push(job.in_flight(&prefix));
        }
        if jobs.len() as u64 > running {
            jobs.clear();
        }
        Ok(jobs)
    }

    /// What a consumer has for its workers and is so old.
    async fn lease_old(
        &mut self,
        consumer: &Value,
        what: HandBack,
    ) -> Result<Vec<Lease>, JobsError> {
        // One that pushes gives jobs to whom it likes.
        if !consumer["config"]["deliver_subject"].is_null() {
            return Ok(Vec::new());
        }
        let mut many = FEW;
        if !what.older_than.is_zero() {
            let mut from = consumer["delivered"]["stream_seq"].as_u64().unwrap_or(0) + 1;
            many = 0;
            while many < FEW
                && let Some(job) = self.next_of(&self.race.clone(), from).await?
                && is_old(&job, what)
            {
                from = job.seq + 1;
                many += 1;
            }
        }
        let leases = self.lease(&self.race.clone(), consumer, many).await?;
        let seqs: Vec<u64> = leases.iter().map(|lease| lease.seq).collect();
        let jobs = self.get_all(&self.race.clone(), &seqs).await?;
        let (mut kept, mut others) = (Vec::new(), Vec::new());
        for (lease, job) in leases.into_iter().zip(jobs) {
            let is_old = job.is_some_and(|job| is_old(&job, what));
            if is_old { kept.push(lease) } else { others.push(lease) }
        }
        self.answer(&others, "-NAK").await?;
        Ok(kept)
    }

    async fn lease(
        &mut self,
        stream: &str,
        consumer: &Value,
        many: usize,
    ) -> Result<Vec<Lease>, JobsError> {
        let name = consumer["name"].as_str().unwrap_or_default();
        let subject = self.line.api(&format!("CONSUMER.MSG.NEXT.{stream}.{name}"));
        let answers = self.line.pull(&subject, many).await?;
        Ok(answers.iter().filter_map(leased).collect())
    }

    /// Acknowledges, or gives back.
    async fn answer(&mut self, leases: &[Lease], word: &'static str) -> Result<(), JobsError> {
        let questions = leases.iter().map(|lease| Question {
            subject: lease.reply.clone(),
            request: async_nats::Request::new().payload(word.into()),
        });
        self.line.ask_all("take an acknowledgement", questions.collect()).await?;
        Ok(())
    }

    /// Sends what waits to where it was published first, and removes what was made, as far as nobody uses it.
    pub(super) async fn undo_all(&mut self) -> Result<Undone, JobsError> {
        let (_, at) = self.ledger().await?;
        if at > 0 && !self.settled {
            self.settle(HashMap::new()).await?;
        }
        let mut undone = Undone::default();
        for name in [self.main.clone(), self.race.clone()] {
            loop {
                let many = self.send_home(&name).await?;
                undone.jobs += many;
                if many == 0 {
                    break;
                }
            }
            let queue = self.queue(&name).await?;
            undone.running += queue.running();
            let is_read = |consumer: &Value| {
                consumer["push_bound"] == true || consumer["num_waiting"].as_u64() > Some(0)
            };
            if queue.messages == 0 && !queue.consumers.iter().any(is_read) {
                self.delete(&name).await?;
            }
        }
        self.delete(&self.book()).await?;
        self.ledger = None;
        Ok(undone)
    }

    /// Some of what waits in a queue goes to the source; how many.
    async fn send_home(&mut self, name: &str) -> Result<u64, JobsError> {
        let queue = self.queue(name).await?;
        let (mut seqs, mut leases) = (Vec::new(), Vec::new());
        if queue.consumers.is_empty() {
            let mut from = 1;
            while seqs.len() < FEW
                && let Some(job) = self.next_of(name, from).await?
            {
                from = job.seq + 1;
                seqs.push(job.seq);
            }
        }
        for consumer in &queue.consumers {
            leases.extend(self.lease(name, consumer, FEW).await?);
        }
        seqs.extend(leases.iter().map(|lease| lease.seq));
        let jobs: Vec<Stored> = self.get_all(name, &seqs).await?.into_iter().flatten().collect();
        let (strip, created) = (format!("{name}."), queue.stream["created"].to_string());
        let copies = jobs.iter().map(|job| {
            job.copy(&Copy {
                from: "",
                strip: &strip,
                prefix: "",
                expected: None,
                back: None,
                is_duplicate: true,
                now_ms: now_ms(),
            })
            // Once more after a crash is once.
            .with_id(&format!("photofinish:{name}:{created}:{}", job.seq))
        });
        for answer in self.line.ask_all("take jobs back", copies.collect()).await? {
            if let Err(refusal) = self.line.read("take jobs back", &answer)? {
                return Err(self.line.refused("take jobs back", refusal));
            }
        }
        self.answer(&leases, "+ACK").await?;
        let subject = self.line.api(&format!("STREAM.MSG.DELETE.{name}"));
        let deletions = seqs.iter().map(|seq| Question::new(&subject, &json!({"seq": seq})));
        self.line.ask_all("remove jobs", deletions.collect()).await?;
        Ok(jobs.len() as u64)
    }

    async fn delete(&mut self, stream: &str) -> Result<(), JobsError> {
        let subject = format!("STREAM.DELETE.{stream}");
        match self.line.ask("remove a stream", &subject, &Value::Null).await? {
            Err(refusal) if refusal.code != NO_STREAM => {
                Err(self.line.refused("remove a stream", refusal))
            }
            _ => Ok(()),
        }
    }
}

fn is_old(job: &Stored, what: HandBack) -> bool {
    let age = Duration::from_millis(now_ms().saturating_sub(job.stored_ms()));
    what.older_than.is_zero() || age >= what.older_than
}

/// For how long the consumers leave a job to whom they gave it.
fn least_wait(consumers: &[Value]) -> Duration {
    let waits = consumers.iter().filter_map(|consumer| consumer["config"]["ack_wait"].as_u64());
    waits.min().map_or(Duration::MAX, Duration::from_nanos)
}

/// A job out of a consumer's answer, whose reply subject says which it is: `$JS.ACK.STREAM.CONSUMER.`
/// and deliveries, stream sequence, …; with a domain and an account before the stream in newer ones (ADR-15).
fn leased(message: &Message) -> Option<Lease> {
    let reply = message.reply.as_ref()?.to_string();
    let parts: Vec<&str> = reply.split('.').collect();
    let seq = match parts.len() {
        9 => parts.get(5)?,
        11.. => parts.get(7)?,
        _ => return None,
    };
    Some(Lease { seq: seq.parse().ok()?, reply })
}
