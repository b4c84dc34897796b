//! The queues, exchanges and the book: made, read, written, and in the end removed.

use super::book::Book;
use super::line::{Line, NOT_FOUND, PRECONDITION_FAILED, RESOURCE_LOCKED, arguments, text};
use super::properties::without_ours;
use super::{Rabbit, now_ms};
use crate::broker::Undone;
use crate::error::JobsError;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, ExchangeKind};
use std::time::{Duration, Instant};

/// How long what is written down may be in the hands of somebody who reads it: one who stopped in the middle has it until
/// the broker misses his heartbeats.
const READING: Duration = Duration::from_secs(45);

/// How long it is waited for where it is only looked at.
const GLANCE: Duration = Duration::from_secs(1);

/// The exchange by which copies reach a queue.
pub(super) fn exchange(queue: &str) -> String {
    format!("photofinish.{queue}")
}

impl Rabbit {
    fn book_name(&self) -> String {
        format!("photofinish.jobs.{}", self.source)
    }

    /// Whether no other sampler has the turn; then none can have it while our connection lasts.
    pub(super) async fn lock(&mut self) -> Result<bool, JobsError> {
        let name = format!("{}.turn", self.book_name());
        match self
            .line
            .declare(&name, QueueDeclareOptions::exclusive(), FieldTable::default())
            .await?
        {
            Ok(_) => Ok(true),
            Err(RESOURCE_LOCKED) => Ok(false),
            Err(code) => Err(self.line.refused("keep other samplers out", code)),
        }
    }

    /// What is written down; somebody who has the turn makes it, and waits for one who reads it.
    pub(super) async fn read_book(&mut self, has_turn: bool) -> Result<Book, JobsError> {
        let name = self.book_name();
        if self.line.ready(&name).await?.is_none() {
            if has_turn {
                // The newest only, on disk. Not a quorum queue: being read would count as a delivery that failed.
                let newest = arguments(&[("x-max-length", AMQPValue::LongInt(1))]);
                let made = self.line.declare(&name, QueueDeclareOptions::durable(), newest).await?;
                made.map_err(|code| self.line.refused("make a queue", code))?;
            }
            return Ok(Book::default());
        }
        let begun = Instant::now();
        let patience = if has_turn { READING } else { GLANCE };
        loop {
            if let Some(book) = self.newest_book(&name).await? {
                return Ok(book);
            }
            if begun.elapsed() > patience {
                return Ok(Book::default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn newest_book(&mut self, name: &str) -> Result<Option<Book>, JobsError> {
        let doing = "tell what is written down";
        let channel = self.line.aside().await?;
        let mut newest: Option<(Book, u64)> = None;
        loop {
            let got = channel.basic_get(name.into(), BasicGetOptions::default());
            let Some(message) = self.line.wait(doing, got).await? else { break };
            let Ok(book) = serde_json::from_slice::<Book>(&message.data) else { continue };
            if newest.as_ref().is_none_or(|(newest, _)| book.edition >= newest.edition) {
                let old = newest.replace((book, message.delivery_tag));
                if let Some((_, tag)) = old {
                    let ack = channel.basic_ack(tag, BasicAckOptions::default());
                    self.line.wait(doing, ack).await?;
                }
            }
        }
        if let Some((_, tag)) = &newest {
            let keep = BasicNackOptions { requeue: true, multiple: false };
            let kept = channel.basic_nack(*tag, keep);
            self.line.wait(doing, kept).await?;
        }
        self.line.wait(doing, channel.close(200, "done".into())).await?;
        Ok(newest.map(|(book, _)| book))
    }

    pub(super) async fn write_book(&mut self) -> Result<(), JobsError> {
        let doing = "write down what comes next";
        let name = self.book_name();
        let Some(turn) = &mut self.turn else { return Ok(()) };
        turn.written = None;
        turn.book.edition += 1;
        turn.book.written_ms = now_ms();
        let text = serde_json::to_vec(&turn.book)
            .map_err(|cause| self.line.failed(doing, cause.into()))?;
        let properties = BasicProperties::default().with_delivery_mode(2);
        let mut sent = Line::publish(&turn.publisher, "", &name, properties, &text);
        if !self.line.confirmed(&mut sent, Line::deadline()).await? {
            return Err(self.line.failed(doing, "it was refused".into()));
        }
        if let Some(turn) = &mut self.turn {
            turn.written = Some(Instant::now());
        }
        Ok(())
    }

    /// Makes what is missing.
    pub(super) async fn make_queues(&mut self) -> Result<(), JobsError> {
        if self.line.ready(&self.source.clone()).await?.is_none() {
            return Err(self.line.unsuited(
                "has no queue of the name of the source",
                "name the queue that producers' jobs arrive in: source = \"…\" (`rabbitmqctl list_queues` lists them)",
            ));
        }
        let (main, race) = (self.main.clone(), self.race.clone());
        for queue in [&main, &race] {
            let channel = self.line.aside().await?;
            let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let made = channel.exchange_declare(
                exchange(queue).as_str().into(),
                ExchangeKind::Fanout,
                options,
                FieldTable::default(),
            );
            self.line.wait("make an exchange", made).await?;
        }
        if self.line.ready(&main).await?.is_none() {
            let made = self.line.declare(&main, QueueDeclareOptions::durable(), main_arguments());
            made.await?.map_err(|code| self.line.refused("make a queue", code))?;
        }
        self.make_race(&race).await?;
        for queue in [&main, &race] {
            let channel = self.line.aside().await?;
            let bound = channel.queue_bind(
                queue.as_str().into(),
                exchange(queue).as_str().into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            self.line.wait("bind a queue", bound).await?;
        }
        Ok(())
    }

    async fn make_race(&mut self, race: &str) -> Result<(), JobsError> {
        let durable = QueueDeclareOptions::durable;
        let declared = self.line.declare(race, durable(), self.race_arguments()).await?;
        match declared {
            Ok(_) => return Ok(()),
            Err(PRECONDITION_FAILED) => {}
            Err(code) => return Err(self.line.refused("make a queue", code)),
        }
        // Made with other `attempts`, or by somebody else.
        let passive = self.line.declare(race, durable().passive(), FieldTable::default()).await?;
        if passive.is_ok_and(|queue| queue.message_count() == 0 && queue.consumer_count() == 0) {
            self.delete_queue(race).await?;
            if self.line.declare(race, durable(), self.race_arguments()).await?.is_ok() {
                return Ok(());
            }
        }
        Err(self.line.unsuited(
            "has a race queue that was made otherwise, or cannot make one as it must be",
            "let its workers rest until it is empty, or name another one: race = \"…\"; RabbitMQ has to be 3.10 or newer",
        ))
    }

    /// What is rejected there, by a worker or by us, goes to the normal workers.
    fn race_arguments(&self) -> FieldTable {
        let limit = i32::try_from(self.limits.attempts - 1).unwrap_or(i32::MAX);
        arguments(&[
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text(&exchange(&self.main))),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
            ("x-delivery-limit", AMQPValue::LongInt(limit)),
        ])
    }

    async fn delete_queue(&mut self, name: &str) -> Result<(), JobsError> {
        let channel = self.line.aside().await?;
        let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
        self.line.wait("remove a queue", deleted).await?;
        Ok(())
    }

    /// Sends what waits to the source, and removes what was made, as far as nobody uses it.
    pub(super) async fn undo_all(&mut self) -> Result<Undone, JobsError> {
        let source = self.source.clone();
        let home = exchange(&format!("{source}.back"));
        let channel = self.line.aside().await?;
        let made = channel.exchange_declare(
            home.as_str().into(),
            ExchangeKind::Fanout,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        );
        self.line.wait("make an exchange", made).await?;
        let bound = channel.queue_bind(
            source.as_str().into(),
            home.as_str().into(),
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.line.wait("bind a queue", bound).await?;
        let mut undone = Undone::default();
        for name in [self.race.clone(), self.main.clone()] {
            if self.line.ready(&name).await?.is_some() {
                undone.jobs += self.send_home(&name, &home).await?;
                undone.running += self.remove_if_idle(&name).await?;
            }
        }
        for name in [home, exchange(&self.race), exchange(&self.main)] {
            let deleted =
                channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default());
            self.line.wait("remove an exchange", deleted).await?;
        }
        self.delete_queue(&self.book_name()).await?;
        Ok(undone)
    }

    /// All that waits in a queue goes to the exchange; how many.
    async fn send_home(&mut self, name: &str, home: &str) -> Result<u64, JobsError> {
        let doing = "move a job back";
        let (publisher, channel) = (self.line.channel().await?, self.line.aside().await?);
        let mut many = 0;
        loop {
            let got = channel.basic_get(name.into(), BasicGetOptions::default());
            let Some(job) = self.line.wait(doing, got).await? else { return Ok(many) };
            let properties = without_ours(&job.properties, self.line.user());
            let key = job.routing_key.as_str();
            let mut sent = Line::publish(&publisher, home, key, properties, &job.data);
            if !self.line.confirmed(&mut sent, Line::deadline()).await? {
                return Err(self.line.failed(doing, "the source refused it".into()));
            }
            let acked = channel.basic_ack(job.delivery_tag, BasicAckOptions::default());
            self.line.wait(doing, acked).await?;
            many += 1;
        }
    }

    /// Removes a queue of ours that nobody reads; else how many workers have a job of it, at most.
    async fn remove_if_idle(&mut self, name: &str) -> Result<u64, JobsError> {
        let is_race = name == self.race;
        let ours = if is_race { self.race_arguments() } else { main_arguments() };
        match self.line.declare(name, QueueDeclareOptions::durable(), ours).await? {
            Ok(queue) if queue.consumer_count() == 0 && queue.message_count() == 0 => {
                self.delete_queue(name).await?;
                Ok(0)
            }
            Ok(queue) => Ok(queue.consumer_count().into()),
            // One that was there before us stays.
            Err(PRECONDITION_FAILED | NOT_FOUND) => Ok(0),
            Err(code) => Err(self.line.refused("remove a queue", code)),
        }
    }
}

fn main_arguments() -> FieldTable {
    arguments(&[("x-queue-type", text("quorum"))])
}
