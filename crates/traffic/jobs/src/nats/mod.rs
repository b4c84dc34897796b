//! NATS JetStream: jobs are copied from the source's stream to one of two, each copy fenced on the last sequence.
//!
//! No step of JetStream moves a message between streams, so a copy is planned first (`ledger`), then made
//! after exactly the sequence that it must follow. Whoever is killed when, the next sampler sees how far it
//! got; one that was stopped for hours finds its next copy refused. What was copied is purged from the source.
//! The two streams have workqueue retention: what a worker acknowledged is gone, so what is there waits,
//! or is with a worker.
//!
//! Where to start: [`Nats::open`]. `line` asks the server, `message` is a job, `settle` makes the planned
//! copies, `back` is about what leaves the race queue again, and `streams` makes and looks at streams.

mod back;
mod ledger;
mod line;
mod message;
mod settle;
mod streams;

use crate::broker::{Broker, Counts, HandBack, HandedBack, InFlight, Look, Undone, When, Wish};
use crate::error::JobsError;
use crate::plan::Plan;
use crate::rule::{pick, pick_key};
use ledger::{Job, Ledger, Work};
use line::{Line, Question};
use message::Stored;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Jobs of one plan.
const BATCH: usize = 128;

/// Bytes of one plan, as far as they are known when it is made.
const WEIGHT: usize = 4 << 20;

/// How long to wait for a job that cannot be heard.
const POLL: Duration = Duration::from_millis(5);

/// So many jobs in a row were there and not heard: for so long others are not listened for.
const MISSED: u32 = 3;
const DEAF: Duration = Duration::from_secs(600);

/// A stream with more subjects is not listened to.
const SUBJECTS: usize = 32;

/// A sampler that wrote nothing for so long is not at work; while it is, others stand by.
const QUIET: Duration = Duration::from_millis(300);

/// How often one that stands by looks.
const STANDBY: Duration = Duration::from_millis(50);

/// How often one that has nothing to do says that it is there.
const BEAT: Duration = Duration::from_millis(100);

/// JSStreamNotFoundErr, JSNoMessageFoundErr, JSStreamWrongLastSequenceErrF (`server/errors.json`).
const NO_STREAM: u64 = 10059;
const NO_MESSAGE: u64 = 10037;
const WRONG_SEQUENCE: u64 = 10071;

/// Two streams beside a third, and what is written down about them.
pub(crate) struct Nats {
    line: Line,
    source: String,
    main: String,
    race: String,
    key: Option<String>,
    /// What was last read or written, and its sequence; none when that is not known.
    ledger: Option<(Ledger, u64)>,
    /// All of the ledger's plan is done, as far as we know.
    settled: bool,
    /// When we last wrote.
    written: Instant,
    /// Another sampler is at work: the sequence it had reached, and when that was seen.
    standing_by: Option<(u64, Instant)>,
    /// What producers publish to, as far as it can be listened to.
    subjects: Vec<String>,
    /// How many jobs in a row were there and nobody said so; and when that last was.
    missed: u32,
    missed_at: Instant,
    /// The last wait ended without a call.
    heard_nothing: bool,
    /// How many jobs wait in the race queue at most: what was there when last looked, and what was sent since.
    crowd: Option<u64>,
    /// How many jobs are asked for at once; grows while there are as many.
    window: usize,
    /// Jobs of the race queue that nobody will be given again, it seemed when last looked.
    given_up: HashSet<u64>,
}

impl Nats {
    pub(crate) async fn open(plan: &Plan) -> Result<Nats, JobsError> {
        Ok(Nats {
            line: Line::open(
                &plan.url,
                plan.place(),
                &format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{}.*", plan.race),
            )
            .await?,
            source: plan.source.clone(),
            main: plan.main.clone(),
            race: plan.race.clone(),
            key: plan.key.clone(),
            ledger: None,
            settled: false,
            written: Instant::now(),
            standing_by: None,
            subjects: Vec::new(),
            missed: 0,
            missed_at: Instant::now(),
            crowd: None,
            heard_nothing: false,
            window: 1,
            given_up: HashSet::new(),
        })
    }

    fn book(&self) -> String {
        format!("photofinish_{}", self.source)
    }

    /// What is written down now; the default where nothing is yet.
    async fn read_ledger(&mut self) -> Result<(Ledger, u64), JobsError> {
        let doing = "tell what is written down";
        let subject = format!("STREAM.MSG.GET.{}", self.book());
        let body = json!({"last_by_subj": self.book()});
        let answer = match self.line.ask(doing, &subject, &body).await? {
            Ok(answer) => answer,
            Err(refusal) if matches!(refusal.code, NO_MESSAGE | NO_STREAM) => {
                return Ok((Ledger::default(), 0));
            }
            Err(refusal) => return Err(self.line.refused(doing, refusal)),
        };
        let stored = Stored::read(&answer["message"]);
        let read = stored
            .and_then(|stored| Some((serde_json::from_slice(stored.payload()).ok()?, stored.seq)));
        read.ok_or_else(|| self.line.failed(doing, "it is not as photofinish writes it".into()))
    }

    async fn ledger(&mut self) -> Result<(Ledger, u64), JobsError> {
        if let Some(known) = &self.ledger {
            return Ok(known.clone());
        }
        let known = self.read_ledger().await?;
        (self.settled, self.crowd) = (false, None);
        self.ledger = Some(known.clone());
        Ok(known)
    }

    /// Writes down what comes next; `false` when another sampler has written meanwhile.
    async fn write(&mut self, ledger: Ledger, after: u64) -> Result<bool, JobsError> {
        let doing = "write down what comes next";
        let text =
            serde_json::to_vec(&ledger).map_err(|cause| self.line.failed(doing, cause.into()))?;
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Expected-Last-Sequence", after.to_string().as_str());
        let request = async_nats::Request::new().headers(headers).payload(text.into());
        // Until it is known what became of it, it is not known what is written.
        self.ledger = None;
        let question = Question { subject: self.book(), request };
        let answers = self.line.ask_all(doing, vec![question]).await?;
        let Some(message) = answers.first() else { return Ok(false) };
        match self.line.read(doing, message)? {
            Ok(answer) => {
                let seq = answer["seq"].as_u64().unwrap_or(after + 1);
                self.settled = ledger.work.jobs.is_empty();
                self.ledger = Some((ledger, seq));
                self.written = Instant::now();
                Ok(true)
            }
            Err(refusal) if refusal.code == WRONG_SEQUENCE => {
                self.standing_by = Some((0, Instant::now()));
                Ok(false)
            }
            Err(refusal) => Err(self.line.refused(doing, refusal)),
        }
    }

    /// Whether another sampler does the work, as far as that was seen lately. It is a courtesy: two that
    /// work at once are kept apart by the fences.
    async fn stands_by(&mut self) -> Result<bool, JobsError> {
        let Some((seen, since)) = self.standing_by else { return Ok(false) };
        let (ledger, seq) = self.read_ledger().await?;
        if seq != seen {
            self.standing_by = Some((seq, Instant::now()));
            self.ledger = None;
            return Ok(true);
        }
        if since.elapsed() < QUIET {
            return Ok(true);
        }
        self.standing_by = None;
        self.ledger = Some((ledger, seq));
        (self.settled, self.crowd) = (false, None);
        Ok(false)
    }

    /// The next jobs of the source, in order and asked for at once. Behind the first, jobs are taken up to the first
    /// number that is not there: in a cluster answers may be of different moments, and a job that was not there yet
    /// must not be passed over.
    async fn next_jobs(&mut self, after: u64) -> Result<Vec<Stored>, JobsError> {
        let source = self.source.clone();
        let others: Vec<u64> = (after + 2..=after + self.window as u64).collect();
        let (first, others) = self.next_and(&source, after + 1, &others).await?;
        let mut jobs: Vec<Stored> = first.into_iter().collect();
        let mut weight = jobs.first().map_or(0, |job| job.payload().len());
        for job in others.into_iter().flatten() {
            let Some(last) = jobs.last().map(|job| job.seq) else { break };
            weight += job.payload().len();
            if job.seq > last + 1 || weight > WEIGHT {
                break;
            }
            if job.seq == last + 1 {
                jobs.push(job);
            }
        }
        self.window = (jobs.len() * 2).clamp(1, BATCH);
        Ok(jobs)
    }

    /// What comes next, as it will be written down.
    async fn plan(
        &mut self,
        before: &Ledger,
        jobs: &[Stored],
        wish: Wish,
    ) -> Result<Ledger, JobsError> {
        let mut ledger = before.clone();
        let (main_at, race_at) = before.work.ends();
        let is_chosen = |(at, job): (u64, &Stored)| {
            let key = self.key.as_ref().and_then(|key| job.key(key));
            key.map_or_else(|| pick(at, wish.every), |key| pick_key(key.as_bytes(), wish.every))
        };
        let chosen: Vec<bool> = (before.position..).zip(jobs).map(is_chosen).collect();
        let mut room = 0;
        if wish.room > 0 && chosen.contains(&true) {
            let many = jobs.len() as u64;
            if self.crowd.is_none_or(|crowd| crowd + many > wish.room) {
                self.crowd = Some(self.queue(&self.race.clone()).await?.waiting);
            }
            room = wish.room.saturating_sub(self.crowd.unwrap_or(0));
        }
        let mut planned = Vec::with_capacity(jobs.len());
        for (job, chosen) in jobs.iter().zip(chosen) {
            let race = chosen && room > 0;
            room -= u64::from(race);
            ledger.race += u64::from(race);
            ledger.no_room += u64::from(chosen && !race);
            planned.push(Job { seq: job.seq, race, failed: false });
        }
        self.crowd = self.crowd.map(|crowd| crowd + ledger.race - before.race);
        ledger.position += planned.len() as u64;
        ledger.through = jobs.last().map_or(ledger.through, |job| job.seq);
        wish.mode.clone_into(&mut ledger.mode);
        ledger.work = Work { back: false, main_at, race_at, jobs: planned };
        Ok(ledger)
    }
}

impl Broker for Nats {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        self.make_streams().await
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        if self.stands_by().await? {
            return Ok(0);
        }
        let (ledger, seq) = self.ledger().await?;
        if !self.settled {
            // Of a sampler that died in the middle, or of ours whose answers were lost.
            return if self.settle(HashMap::new()).await? { Ok(1) } else { Ok(0) };
        }
        let jobs = self.next_jobs(ledger.through).await?;
        if jobs.is_empty() {
            if ledger.mode != wish.mode || self.written.elapsed() >= BEAT {
                let work = ledger.work.done();
                self.write(Ledger { mode: wish.mode.to_owned(), work, ..ledger }, seq).await?;
            }
            return Ok(0);
        }
        let is_called = self.line.listen_no_more();
        if std::mem::take(&mut self.heard_nothing) && !is_called {
            (self.missed, self.missed_at) = (self.missed + 1, Instant::now());
        }
        let next = self.plan(&ledger, &jobs, wish).await?;
        let many = next.work.jobs.len() as u64;
        if !self.write(next, seq).await? {
            return Ok(0);
        }
        let known = jobs.into_iter().map(|job| (job.seq, job)).collect();
        self.settle(known).await?;
        Ok(many)
    }

    /// Producers are listened to: a job is published to us as well, the next one after a quiet time, and no more. It is
    /// a call only, and what was called for is read from the stream.
    async fn wait(&mut self, most: Duration) -> bool {
        // Those who stand by want to hear in time that we are there.
        let most = most.min(BEAT / 2);
        self.heard_nothing = false;
        let is_deaf = self.missed >= MISSED && self.missed_at.elapsed() < DEAF;
        if self.standing_by.is_some() || self.subjects.is_empty() || is_deaf {
            let poll = if self.standing_by.is_some() { STANDBY } else { POLL };
            tokio::time::sleep(poll.min(most)).await;
            return false;
        }
        match self.line.listen(&self.subjects).await {
            // What came before is looked for once more, without having been called.
            Ok(true) => return false,
            Ok(false) => {}
            // The next step has the same to say.
            Err(_) => return false,
        }
        let is_called = self.line.wait_for_call(most).await;
        self.heard_nothing = !is_called;
        if is_called {
            self.missed = 0;
        }
        is_called
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        if self.standing_by.is_some() {
            return Ok(HandedBack::default());
        }
        self.take_back(what).await
    }

    async fn look(&mut self, whole: bool) -> Result<Look, JobsError> {
        let (ledger, seq) = self.read_ledger().await?;
        let race = self.queue(&self.race.clone()).await?;
        self.crowd = Some(race.waiting);
        let mut look = Look { race: race.waiting, ..Look::default() };
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        look.taken = signed(race.last) - signed(race.waiting) - signed(ledger.waited);
        if whole {
            look.main = self.queue(&self.main.clone()).await?.waiting;
            look.source = Some(self.unsampled(ledger.through).await?);
        }
        look.counts = Some(Counts {
            seen: ledger.position,
            race: ledger.race,
            no_room: ledger.no_room,
            put_off: 0,
        });
        look.handed_back = HandedBack { waited: ledger.waited, failed: ledger.failed, orphaned: 0 };
        if seq > 0 && !ledger.mode.is_empty() {
            look.mode = Some(ledger.mode);
            look.beat = self.last_written().await?;
        }
        Ok(look)
    }

    async fn in_flight(&mut self, _when: When) -> Result<Vec<InFlight>, JobsError> {
        self.with_workers().await
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        if self.standing_by.is_some() {
            return Ok(());
        }
        let (mut ledger, seq) = self.ledger().await?;
        if self.settled {
            ledger.work = ledger.work.done();
        }
        self.write(Ledger { mode: mode.to_owned(), ..ledger }, seq).await?;
        Ok(())
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        self.undo_all().await
    }
}
