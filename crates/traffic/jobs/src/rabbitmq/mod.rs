//! RabbitMQ: jobs are copied to one of two queues with publisher confirms, and acknowledged in the source after that.
//!
//! No step of AMQP spans two queues (transactions are "not atomic across multiple queues"), so a sampler that is killed
//! between a confirm and an acknowledgement leaves jobs that come again: at most as many as are taken at once
//! ([`Kind::RabbitMq`](crate::Kind)), each on the side where it may be already, and marked
//! `x-photofinish-redelivered`. Where each goes is written down before (`book`), which also makes the share exact.
//! The way back is the broker's own: the race queue dead-letters into the normal workers' queue, so a job that a race
//! worker rejects, or that we reject for it, moves inside the broker.
//!
//! Copies go through an exchange of ours, so that workers see the routing key the job was published with. Start at
//! [`Rabbit::open`]; `line` is the connection, `queues` makes and unmakes what is needed.

mod book;
mod line;
mod properties;
mod queues;
mod socket;
mod turn;

use crate::broker::{Broker, Counts, HandBack, HandedBack, Look, Undone, Wish};
use crate::error::JobsError;
use crate::plan::{Limits, Plan};
use crate::rule::{pick, pick_key};
use book::{Expected, Fate, digest};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use line::{Line, Sent};
use properties::{copied, key};
use queues::exchange;
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use turn::Turn;

/// How often a sampler that has nothing to do says that it is there.
const BEAT: Duration = Duration::from_millis(1000);

/// How often one that stands by asks whether it may begin.
const STANDBY: Duration = Duration::from_millis(100);

/// So long after its turn began a sampler still knows what may come again.
const COMES_AGAIN: Duration = Duration::from_secs(60);

/// Jobs handed back in one step.
const FEW: u64 = 50;

/// Two queues beside a third, and what is written down about them.
pub(crate) struct Rabbit {
    line: Line,
    source: String,
    main: String,
    race: String,
    prefetch: u16,
    /// The header that tells jobs apart.
    header: Option<String>,
    limits: Limits,
    /// What we have while no other sampler may have it.
    turn: Option<Turn>,
    tried: Option<Instant>,
    /// Since when somebody consumes who is no sampler, or was one a moment ago.
    kept_out: Option<Instant>,
    /// A copy was refused, perhaps for want of a queue that somebody removed.
    was_refused: bool,
    /// What this sampler knows of a batch whose acknowledgements may not have arrived.
    mine: Vec<Fate>,
    /// How many jobs wait in the race queue at most: what was there when last looked, and what was sent since.
    crowd: Option<u64>,
    /// When how many jobs were sent to the race queue, the newest last, as far as they may be there still.
    sent: VecDeque<(Instant, u64)>,
}

/// A job that has a side and is not yet acknowledged.
struct Planned {
    job: Delivery,
    fate: Fate,
    /// It may have been copied before.
    again: bool,
    /// A copy that was sent, and of which nothing was heard so far.
    sent: Option<Sent>,
}

impl Rabbit {
    pub(crate) async fn open(plan: &Plan, prefetch: u16) -> Result<Rabbit, JobsError> {
        let header = plan.key.as_deref().and_then(|key| key.strip_prefix("header:"));
        Ok(Rabbit {
            line: Line::open(&plan.url, plan.place()).await?,
            source: plan.source.clone(),
            main: plan.main.clone(),
            race: plan.race.clone(),
            prefetch,
            header: header.map(str::to_owned),
            limits: plan.limits,
            turn: None,
            tried: None,
            kept_out: None,
            was_refused: false,
            mine: Vec::new(),
            crowd: None,
            sent: VecDeque::from([(Instant::now(), u64::MAX / 2)]),
        })
    }

    /// Decides where jobs go.
    async fn plan(&mut self, wish: Wish) -> Result<(), JobsError> {
        let many = self.turn.as_ref().map_or(0, |turn| turn.received.len() as u64);
        if wish.room > 0 && self.crowd.is_none_or(|crowd| crowd + many > wish.room) {
            self.crowd = Some(self.line.ready(&self.race.clone()).await?.unwrap_or(0));
        }
        let mut room = wish.room.saturating_sub(self.crowd.unwrap_or(0));
        let Some(turn) = &mut self.turn else { return Ok(()) };
        let book = &mut turn.book;
        let mut sent = 0;
        for job in turn.received.drain(..) {
            let digest = digest(&job);
            let again = if job.redelivered { turn.expected.take(&digest) } else { None };
            if let Some(fate) = again {
                turn.batch.push(Planned { job, fate, again: true, sent: None });
                continue;
            }
            let key = self.header.as_ref().and_then(|header| key(&job, header));
            let chosen = match key {
                Some(key) => pick_key(&key, wish.every),
                None => pick(book.position, wish.every),
            };
            let race = chosen && room > 0;
            room -= u64::from(race);
            sent += u64::from(race);
            book.race += u64::from(race);
            book.no_room += u64::from(chosen && !race);
            let fate = Fate { digest, race, number: book.position, is_there: false };
            book.position += 1;
            turn.batch.push(Planned { job, fate, again: false, sent: None });
        }
        if turn.began.elapsed() > COMES_AGAIN {
            turn.expected = Expected::default();
        }
        // What comes again may come late; but most of what may come has been acknowledged.
        let mut rest: Vec<Fate> = turn.expected.rest().cloned().collect();
        rest.sort_by_key(|fate| std::cmp::Reverse(fate.number));
        rest.truncate(2 * usize::from(self.prefetch));
        book.jobs = turn.batch.iter().map(|planned| planned.fate.clone()).chain(rest).collect();
        wish.mode.clone_into(&mut book.mode);
        turn.written = None;
        self.crowd = self.crowd.map(|crowd| crowd + sent);
        if sent > 0 {
            self.sent.push_back((Instant::now(), sent));
        }
        Ok(())
    }

    /// Copies what is planned, and acknowledges it.
    async fn settle(&mut self) -> Result<u64, JobsError> {
        let Some(turn) = &mut self.turn else { return Ok(0) };
        for Planned { job, fate, again, sent } in &mut turn.batch {
            if !fate.is_there && sent.is_none() {
                let exchange = exchange(if fate.race { &self.race } else { &self.main });
                let properties = copied(job, fate, *again, self.line.user());
                let key = job.routing_key.as_str();
                let publisher = &turn.publisher;
                *sent = Some(Line::publish(publisher, &exchange, key, properties, &job.data));
            }
        }
        let (mut refused, mut lost) = (0, None);
        let deadline = Line::deadline();
        for Planned { fate, sent, .. } in &mut turn.batch {
            let Some(confirm) = sent else { continue };
            match self.line.confirmed(confirm, deadline).await {
                Ok(true) => (fate.is_there, *sent) = (true, None),
                Ok(false) => (refused, *sent) = (refused + 1, None),
                // The first error says why; those behind it only that the connection was given up. One that is kept,
                // because the broker is full, may bring the confirm yet.
                Err(error) => lost = lost.or(Some(error)),
            }
        }
        self.mine = turn.batch.iter().map(|planned| planned.fate.clone()).collect();
        if let Some(error) = lost {
            return Err(error);
        }
        if refused > 0 {
            self.was_refused = true;
            // The connection is well; what is left is tried again with the next step.
            return Err(JobsError::Ask {
                broker: "RabbitMQ",
                place: self.line.place().to_owned(),
                doing: "take all jobs",
                cause: format!("{refused} were refused or had no queue to go to").into(),
            });
        }
        let many = turn.batch.len() as u64;
        let last = turn.batch.last().map(|planned| planned.job.delivery_tag);
        // An acknowledgement that is under way is not repeated: it arrives, or all of them come again.
        turn.batch.clear();
        if let Some(last) = last {
            let all = BasicAckOptions { multiple: true };
            let acked = turn.channel.basic_ack(last, all);
            self.line.wait("take an acknowledgement", acked).await?;
        }
        Ok(many)
    }

    /// How long the job that is next in the race queue has been there, where `ready` wait.
    fn oldest(&mut self, ready: u64) -> Duration {
        let mut known: u64 = self.sent.iter().fold(0, |sum, (_, many)| sum.saturating_add(*many));
        while let Some((_, many)) = self.sent.front()
            && known.saturating_sub(*many) >= ready
            && self.sent.len() > 1
        {
            known = known.saturating_sub(*many);
            self.sent.pop_front();
        }
        self.sent.front().map_or(Duration::ZERO, |(since, _)| since.elapsed())
    }
}

/// The time, in milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Broker for Rabbit {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        self.make_queues().await
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        if !self.take_turn().await? {
            return Ok(0);
        }
        // What is asked of a broker that is full is asked a second time when it has room.
        self.line.channel().await?;
        if self.turn.as_ref().is_some_and(|turn| turn.batch.is_empty()) {
            self.receive().await?;
            let is_quiet = |turn: &Turn| {
                let is_fresh = turn.written.is_some_and(|written| written.elapsed() < BEAT);
                turn.received.is_empty() && turn.book.mode == wish.mode && is_fresh
            };
            if self.turn.as_ref().is_some_and(is_quiet) {
                return Ok(0);
            }
            self.plan(wish).await?;
        }
        if self.was_refused {
            self.make_queues().await?;
            self.was_refused = false;
        }
        if self.turn.as_ref().is_some_and(|turn| turn.written.is_none()) {
            self.write_book().await?;
        }
        self.settle().await
    }

    /// Jobs are pushed to us.
    async fn wait(&mut self, most: Duration) -> bool {
        let Some(turn) = &mut self.turn else {
            tokio::time::sleep(most.min(STANDBY)).await;
            return false;
        };
        if turn.received.is_empty() && turn.heard.is_none() {
            turn.heard = tokio::time::timeout(most, turn.consumer.next()).await.ok();
        }
        !turn.received.is_empty() || turn.heard.is_some()
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let mut back = HandedBack::default();
        if !self.has_turn() {
            return Ok(back);
        }
        let race = self.race.clone();
        let mut ready = self.line.ready(&race).await?.unwrap_or(0);
        let channel = self.line.aside().await?;
        while ready > 0
            && back.waited < FEW
            && (what.older_than.is_zero() || self.oldest(ready) >= what.older_than)
        {
            let got = channel.basic_get(race.as_str().into(), BasicGetOptions::default());
            let Some(job) = self.line.wait("give a job", got).await? else { break };
            // The broker moves it itself: a rejected job goes where the race queue's dead letters go.
            let reject = BasicNackOptions { requeue: false, multiple: false };
            let rejected = channel.basic_nack(job.delivery_tag, reject);
            self.line.wait("move a job back", rejected).await?;
            back.waited += 1;
            ready -= 1;
        }
        self.line.wait("close a channel", channel.close(200, "done".into())).await?;
        if back.waited > 0
            && let Some(turn) = &mut self.turn
        {
            turn.book.waited += back.waited;
            self.write_book().await?;
        }
        Ok(back)
    }

    async fn look(&mut self, whole: bool) -> Result<Look, JobsError> {
        let race = self.line.ready(&self.race.clone()).await?.unwrap_or(0);
        self.crowd = Some(race);
        let mut look = Look { race, ..Look::default() };
        if whole {
            look.source = self.line.ready(&self.source.clone()).await?;
            look.main = self.line.ready(&self.main.clone()).await?.unwrap_or(0);
        }
        let book = match &self.turn {
            Some(turn) => turn.book.clone(),
            None if whole || self.tried.is_none() => self.read_book(false).await?,
            // Another sampler has the turn, and looks itself.
            None => return Ok(Look { race: 0, ..look }),
        };
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        look.taken = signed(book.race) - signed(race) - signed(book.waited);
        look.counts = Some(Counts {
            seen: book.position,
            race: book.race,
            no_room: book.no_room,
            put_off: 0,
        });
        look.handed_back = HandedBack { waited: book.waited, ..HandedBack::default() };
        if book.edition > 0 {
            look.mode = Some(book.mode);
            look.beat = Some(Duration::from_millis(now_ms().saturating_sub(book.written_ms)));
        }
        Ok(look)
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        if self.has_turn()
            && let Some(turn) = &mut self.turn
        {
            mode.clone_into(&mut turn.book.mode);
            self.write_book().await?;
        }
        Ok(())
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        self.undo_all().await
    }
}
