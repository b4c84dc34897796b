//! A sampler's turn: the right to take the source's jobs, and the jobs that it was given and has not planned yet.
//!
//! It ends with the connection, or when the queue is gone; another sampler's begins only then. Start at
//! [`Rabbit::take_turn`].

use super::book::{Book, Expected, Fate};
use super::{Planned, Rabbit, STANDBY};
use crate::error::JobsError;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::{Channel, Consumer};
use std::time::{Duration, Instant};

/// A dead sampler that still reads the source has jobs that belong before those that we would be given. It ends sooner,
/// but with a node of a cluster that is away: then RabbitMQ counts it for as long, and has put its jobs back.
const KEPT_OUT: Duration = Duration::from_secs(5);

/// How long what a dead sampler asked for in its last moment may be under way, before the next one begins.
const SETTLING: Duration = Duration::from_millis(200);

/// The right to take the source's jobs.
pub(super) struct Turn {
    /// The channels of the connection that has it; on no other anything may be done in its name.
    pub(super) channel: Channel,
    pub(super) publisher: Channel,
    pub(super) consumer: Consumer,
    /// The connection it came with, and ends with.
    pub(super) epoch: u64,
    pub(super) book: Book,
    /// When the book was written down; none when what it says now is not.
    pub(super) written: Option<Instant>,
    /// Jobs that may come again.
    pub(super) expected: Expected,
    /// What the broker pushed while it was waited for: a job, or that there are no more.
    pub(super) heard: Option<Option<lapin::Result<Delivery>>>,
    /// Jobs that were taken and not yet planned.
    pub(super) received: Vec<Delivery>,
    /// Jobs that were taken and planned and are not all copied.
    pub(super) batch: Vec<Planned>,
    pub(super) began: Instant,
}

impl Rabbit {
    /// Whether it is our turn; it ends with the connection.
    pub(super) fn has_turn(&mut self) -> bool {
        let (epoch, is_connected) = (self.line.epoch(), self.line.is_connected());
        let lasts = |turn: &Turn| {
            let channels = [&turn.channel, &turn.publisher];
            is_connected
                && turn.epoch == epoch
                && channels.iter().all(|channel| channel.status().connected())
        };
        if !self.turn.as_ref().is_some_and(lasts) {
            self.turn = None;
        }
        self.turn.is_some()
    }

    /// Whether it is our turn, which it may have become.
    pub(super) async fn take_turn(&mut self) -> Result<bool, JobsError> {
        if self.has_turn() {
            return Ok(true);
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < STANDBY) {
            return Ok(false);
        }
        self.tried = Some(Instant::now());
        if !self.lock().await? {
            self.kept_out = None;
            return Ok(false);
        }
        let epoch = self.line.epoch();
        tokio::time::sleep(SETTLING).await;
        let is_unread = self.line.is_unread(&self.source).await?;
        let has_waited = self.kept_out.get_or_insert_with(Instant::now).elapsed() > KEPT_OUT;
        if !is_unread && !has_waited {
            return Ok(false);
        }
        let Some((channel, consumer)) = self.line.consume(&self.source, self.prefetch).await?
        else {
            if has_waited {
                return Err(self.line.unsuited(
                    "has workers that read the source",
                    "let them read `main` instead; the sampler takes all jobs of the source",
                ));
            }
            return Ok(false);
        };
        (self.kept_out, self.crowd) = (None, None);
        let publisher = self.line.channel().await?;
        let book = self.read_book(true).await?;
        let mut fates = book.jobs.clone();
        for fate in &mut fates {
            let is_it = |mine: &&Fate| mine.number == fate.number && mine.digest == fate.digest;
            fate.is_there = self.mine.iter().find(is_it).is_some_and(|mine| mine.is_there);
        }
        let expected = Expected::new(fates);
        let began = Instant::now();
        self.turn = Some(Turn {
            channel,
            publisher,
            consumer,
            epoch,
            book,
            written: Some(began),
            expected,
            heard: None,
            received: Vec::new(),
            batch: Vec::new(),
            began,
        });
        if !self.has_turn() {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes jobs that are here, at most as many as are taken at once.
    pub(super) async fn receive(&mut self) -> Result<(), JobsError> {
        let Some(turn) = &mut self.turn else { return Ok(()) };
        while turn.received.len() < usize::from(self.prefetch) {
            let delivered = match turn.heard.take() {
                Some(heard) => Some(heard),
                None => turn.consumer.next().now_or_never(),
            };
            match delivered {
                Some(Some(Ok(job))) => turn.received.push(job),
                Some(Some(Err(cause))) => return Err(self.lost("give jobs", cause.into())),
                Some(None) => return Err(self.lost("give jobs", "the queue is gone".into())),
                None => break,
            }
        }
        Ok(())
    }

    fn lost(
        &mut self,
        doing: &'static str,
        cause: Box<dyn std::error::Error + Send + Sync>,
    ) -> JobsError {
        self.turn = None;
        self.line.failed(doing, cause)
    }
}
