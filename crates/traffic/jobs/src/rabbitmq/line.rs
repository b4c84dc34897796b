//! A connection to RabbitMQ: one channel for jobs, others for questions that may close them.
//!
//! AMQP answers a wrong question by closing the channel it was asked on (0-9-1, 4.2.6); so what may be
//! refused is asked on a channel of its own. Who takes the source's jobs is settled by two things of the
//! broker that end with the connection: a queue that is exclusive to it (one sampler), and the exclusive
//! right to consume (which comes only after the last holder's jobs are back in their place).

use crate::error::JobsError;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind,
    Queue,
};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long RabbitMQ may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seconds after which a silent peer is taken for dead, where the URL says nothing else.
const HEARTBEAT: u16 = 10;

/// Reply codes of AMQP 0-9-1 that are answers.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const RESOURCE_LOCKED: u16 = 405;
pub(super) const PRECONDITION_FAILED: u16 = 406;

/// RabbitMQ's alarms: <https://www.rabbitmq.com/docs/alarms>.
const BLOCKED: &str =
    "it takes no jobs while its memory or disk is full (an alarm; `rabbitmq-diagnostics alarms`)";

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A server, by a connection that comes back.
pub(super) struct Line {
    uri: AMQPUri,
    place: String,
    connected: Option<(Connection, Channel)>,
    /// How many connections there were: what was begun on one ends with it.
    epoch: u64,
}

/// What became of a job that was published.
pub(super) type Sent = lapin::PublisherConfirm;

impl Line {
    pub(super) async fn open(url: &str, place: String) -> Result<Line, JobsError> {
        let mut uri: AMQPUri =
            url.parse().map_err(|cause: String| JobsError::Url { cause: cause.into() })?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let mut line = Line { uri, place, connected: None, epoch: 0 };
        line.channel().await?;
        Ok(line)
    }

    /// Host and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whom we are to the broker.
    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.as_ref().is_some_and(|(connection, channel)| {
            connection.status().connected() && channel.status().connected()
        })
    }

    /// Which connection this is; another number, another connection.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The channel for jobs, with confirms. A connection that the broker blocks is kept, and asked for nothing: its
    /// client writes nothing more on it, not even that it ends, so another one would find the source taken.
    pub(super) async fn channel(&mut self) -> Result<Channel, JobsError> {
        if self.is_connected()
            && let Some((_, channel)) = &self.connected
        {
            let channel = channel.clone();
            return if self.is_blocked() { Err(self.full()) } else { Ok(channel) };
        }
        self.give_up();
        let refused = |cause: Cause| JobsError::Connect {
            broker: "RabbitMQ",
            place: self.place.clone(),
            cause,
        };
        let properties =
            ConnectionProperties::default().with_connection_name("photofinish jobs".into());
        let connect = async {
            let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok::<_, lapin::Error>((connection, channel))
        };
        let connected = match timeout(PATIENCE, connect).await {
            Ok(connected) => connected.map_err(|cause| refused(cause.into()))?,
            Err(late) => return Err(refused(late.into())),
        };
        let channel = connected.1.clone();
        self.connected = Some(connected);
        self.epoch += 1;
        Ok(channel)
    }

    /// Another channel of the same connection.
    pub(super) async fn aside(&mut self) -> Result<Channel, JobsError> {
        self.channel().await?;
        let Some((connection, _)) = &self.connected else {
            return Err(self.failed("open a channel", "the connection is closed".into()));
        };
        let opened = timeout(PATIENCE, connection.create_channel()).await;
        self.done("open a channel", opened)
    }

    /// Declares a queue on a channel of its own; the inner error is the reply code of a refusal.
    pub(super) async fn declare(
        &mut self,
        name: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> Result<Result<Queue, u16>, JobsError> {
        let doing = "declare a queue";
        let channel = self.aside().await?;
        let asked = channel.queue_declare(name.into(), options, arguments);
        let outcome = match timeout(PATIENCE, asked).await {
            Ok(Err(error)) if refusal(&error).is_some() => Err(refusal(&error).unwrap_or(0)),
            other => Ok(self.done(doing, other)?),
        };
        if outcome.is_ok() {
            // Channels are few; a refusal has closed it already.
            let closed = timeout(PATIENCE, channel.close(200, "done".into())).await;
            self.done(doing, closed)?;
        }
        Ok(outcome)
    }

    /// How many jobs a queue has that no worker has; none where there is no such queue.
    pub(super) async fn ready(&mut self, name: &str) -> Result<Option<u64>, JobsError> {
        let passive = QueueDeclareOptions::durable().passive();
        match self.declare(name, passive, FieldTable::default()).await? {
            Ok(queue) => Ok(Some(queue.message_count().into())),
            Err(NOT_FOUND) => Ok(None),
            Err(code) => Err(self.refused("tell how many jobs wait", code)),
        }
    }

    /// Begins to take jobs, nobody else may; none while somebody else does.
    pub(super) async fn consume(
        &mut self,
        queue: &str,
        prefetch: u16,
    ) -> Result<Option<(Channel, Consumer)>, JobsError> {
        let doing = "give jobs";
        let channel = self.aside().await?;
        let consume = async {
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions { exclusive: true, ..Default::default() };
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await
        };
        match timeout(PATIENCE, consume).await {
            Ok(Err(error)) if refusal(&error) == Some(ACCESS_REFUSED) => Ok(None),
            other => self.done(doing, other).map(|consumer| Some((channel, consumer))),
        }
    }

    /// Publishes on a channel without waiting for what becomes of it.
    pub(super) async fn publish(
        &mut self,
        channel: &Channel,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
        data: &[u8],
    ) -> Result<Sent, JobsError> {
        // Without a queue to go to it is an error, not lost.
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let sent = channel.basic_publish(exchange.into(), key.into(), options, data, properties);
        let sent = timeout(PATIENCE, sent).await;
        self.done("take a job", sent)
    }

    /// When the broker must have confirmed what is sent now.
    pub(super) fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    /// Whether what was published is in a queue now; all that was sent together has one deadline.
    pub(super) async fn confirmed(
        &mut self,
        sent: Sent,
        deadline: Instant,
    ) -> Result<bool, JobsError> {
        let outcome = timeout_at(deadline, sent).await;
        match self.done("confirm a job", outcome)? {
            Confirmation::Ack(returned) => Ok(returned.is_none()),
            Confirmation::Nack(_) | Confirmation::NotRequested => Ok(false),
        }
    }

    /// The outcome of what was asked; after an error the next question has a connection of its own,
    /// but where the broker is full.
    pub(super) fn done<T>(
        &mut self,
        doing: &'static str,
        outcome: Result<lapin::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T, JobsError> {
        match outcome {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(cause)) => Err(self.failed(doing, cause.into())),
            Err(_) if self.is_blocked() => Err(self.full()),
            Err(late) => Err(self.failed(doing, late.into())),
        }
    }

    /// Whether the broker has said that it takes nothing just now (`connection.blocked`).
    fn is_blocked(&self) -> bool {
        self.connected.as_ref().is_some_and(|(connection, _)| connection.status().blocked())
    }

    /// Why nothing is asked of a broker just now.
    fn full(&self) -> JobsError {
        JobsError::Ask {
            broker: "RabbitMQ",
            place: self.place.clone(),
            doing: "take jobs",
            cause: BLOCKED.into(),
        }
    }

    /// Waits for what is asked, not for ever.
    pub(super) async fn wait<T>(
        &mut self,
        doing: &'static str,
        asked: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, JobsError> {
        let outcome = timeout(PATIENCE, asked).await;
        self.done(doing, outcome)
    }

    /// Ends the connection: dropped alone it would live as long as any channel of it, and keep the source.
    fn give_up(&mut self) {
        let Some((connection, _)) = self.connected.take() else { return };
        tokio::spawn(async move {
            // It may be dead, which is as good.
            let _ = timeout(PATIENCE, connection.close(200, "given up".into())).await;
        });
    }

    pub(super) fn failed(&mut self, doing: &'static str, cause: Cause) -> JobsError {
        self.give_up();
        JobsError::Ask { broker: "RabbitMQ", place: self.place.clone(), doing, cause }
    }

    pub(super) fn refused(&mut self, doing: &'static str, code: u16) -> JobsError {
        let why = match code {
            ACCESS_REFUSED => "ACCESS_REFUSED",
            RESOURCE_LOCKED => "RESOURCE_LOCKED",
            PRECONDITION_FAILED => "PRECONDITION_FAILED",
            _ => "refused",
        };
        self.failed(doing, format!("{why} ({code})").into())
    }

    /// A RabbitMQ that will not do.
    pub(super) fn unsuited(&self, problem: &'static str, hint: &'static str) -> JobsError {
        JobsError::Unsuited { broker: "RabbitMQ", place: self.place.clone(), problem, hint }
    }
}

/// The reply code of a broker that refused.
pub(super) fn refusal(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) if error.get_id() < 500 => Some(error.get_id()),
        _ => None,
    }
}

/// Arguments of a declaration.
pub(super) fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    pairs.iter().for_each(|(name, value)| {
        table.insert((*name).into(), value.clone());
    });
    table
}

/// A text as an argument.
pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
