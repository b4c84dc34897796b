//! A connection to RabbitMQ: one channel for jobs, others for questions that may close them.
//!
//! AMQP answers a wrong question by closing the channel it was asked on (0-9-1, 4.2.6); so what may be
//! refused is asked on a channel of its own. Who takes the source's jobs is settled by two things of the
//! broker: a queue that is exclusive to a connection (one sampler), and how many read the source, which is none
//! only after the last reader's jobs are back in their place. (The exclusive right to consume would say so too, but
//! quorum queues grant it to everybody: `rabbit_quorum_queue:consume/3`, RabbitMQ 3.10 and its sources of August 2026.)

use super::socket::Socket;
use crate::error::JobsError;
use futures_util::FutureExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind,
    Queue,
};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// How long RabbitMQ may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether the broker has said that it takes nothing, while it is waited for.
const LOOK: Duration = Duration::from_millis(100);

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
    connected: Option<Connected>,
    /// How many connections there were: what was begun on one ends with it.
    epoch: u64,
}

struct Connected {
    connection: Connection,
    /// The channel for jobs, with confirms.
    channel: Channel,
    socket: Socket,
}

/// What becomes of a job that was published.
pub(super) type Sent = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

impl Drop for Line {
    fn drop(&mut self) {
        // The client says goodbye by itself, but never to a broker that is full.
        if self.is_blocked() {
            self.give_up();
        }
    }
}

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
        self.connected.as_ref().is_some_and(|Connected { connection, channel, .. }| {
            connection.status().connected() && channel.status().connected()
        })
    }

    /// Which connection this is; another number, another connection.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The channel for jobs. A connection that the broker blocks is kept, and asked for nothing: what was sent on it is
    /// taken when the alarm is over, and until then the broker would not even notice that it ends.
    pub(super) async fn channel(&mut self) -> Result<Channel, JobsError> {
        if self.is_connected()
            && let Some(Connected { channel, .. }) = &self.connected
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
        let socket = Socket::default();
        let connect = async {
            let connection = socket.connect(self.uri.clone(), properties).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok::<_, lapin::Error>((connection, channel))
        };
        let (connection, channel) = match timeout_at(Line::deadline(), connect).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(cause)) => {
                socket.cut();
                return Err(refused(cause.into()));
            }
            Err(late) => {
                socket.cut();
                return Err(refused(late.into()));
            }
        };
        self.connected = Some(Connected { connection, channel: channel.clone(), socket });
        self.epoch += 1;
        Ok(channel)
    }

    /// Another channel of the same connection.
    pub(super) async fn aside(&mut self) -> Result<Channel, JobsError> {
        self.channel().await?;
        let Some(Connected { connection, .. }) = &self.connected else {
            return Err(self.failed("open a channel", "the connection is closed".into()));
        };
        let opened = self.outcome(Line::deadline(), connection.create_channel()).await;
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
        let outcome = match self.outcome(Line::deadline(), asked).await {
            Ok(Err(error)) if refusal(&error).is_some() => Err(refusal(&error).unwrap_or(0)),
            other => Ok(self.done(doing, other)?),
        };
        if outcome.is_ok() {
            // Channels are few; a refusal has closed it already.
            let close = channel.close(200, "done".into());
            let closed = self.outcome(Line::deadline(), close).await;
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

    /// Whether nobody reads a queue. Of one that seems to be empty it is not known: RabbitMQ says so, too, of a quorum queue whose
    /// leader has not answered for 250 ms, or is not there yet after a crash (`rabbit_quorum_queue:stat/1`).
    pub(super) async fn is_unread(&mut self, name: &str) -> Result<bool, JobsError> {
        let passive = QueueDeclareOptions::durable().passive();
        match self.declare(name, passive, FieldTable::default()).await? {
            Ok(queue) => Ok(queue.consumer_count() == 0 && queue.message_count() > 0),
            Err(code) => Err(self.refused("tell who reads a queue", code)),
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
        match self.outcome(Line::deadline(), consume).await {
            Ok(Err(error)) if refusal(&error) == Some(ACCESS_REFUSED) => Ok(None),
            other => self.done(doing, other).map(|consumer| Some((channel, consumer))),
        }
    }

    /// Publishes on a channel without waiting for what becomes of it.
    pub(super) fn publish(
        channel: &Channel,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
        data: &[u8],
    ) -> Sent {
        let (channel, data) = (channel.clone(), data.to_vec());
        let (exchange, key) = (ShortString::from(exchange), ShortString::from(key));
        let mut sent: Sent = Box::pin(async move {
            // Without a queue to go to it is an error, not lost.
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            channel.basic_publish(exchange, key, options, &data, properties).await?.await
        });
        // The client takes it when it is looked at first, so here: what is published first is sent first.
        match (&mut sent).now_or_never() {
            Some(outcome) => Box::pin(std::future::ready(outcome)),
            None => sent,
        }
    }

    /// When the broker must have confirmed what is sent now.
    pub(super) fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    /// Whether what was published is in a queue now; all that was sent together has one deadline. It may be asked
    /// again where the broker was full.
    pub(super) async fn confirmed(
        &mut self,
        sent: &mut Sent,
        deadline: Instant,
    ) -> Result<bool, JobsError> {
        let outcome = self.outcome(deadline, sent).await;
        match self.done("confirm a job", outcome)? {
            Confirmation::Ack(returned) => Ok(returned.is_none()),
            Confirmation::Nack(_) | Confirmation::NotRequested => Ok(false),
        }
    }

    /// What comes of what was asked, if it comes in time; from a broker that has just said that it is full it does not.
    async fn outcome<T>(
        &self,
        deadline: Instant,
        asked: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut asked = pin!(asked);
        loop {
            let look = deadline.min(Instant::now() + LOOK);
            match timeout_at(look, &mut asked).await {
                Err(_) if Instant::now() < deadline && !self.is_blocked() => {}
                outcome => return outcome,
            }
        }
    }

    /// The outcome of what was asked; after an error the next question has a connection of its own,
    /// but where the broker is full.
    pub(super) fn done<T>(
        &mut self,
        doing: &'static str,
        outcome: Result<lapin::Result<T>, Elapsed>,
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
        self.connected.as_ref().is_some_and(|connected| connected.connection.status().blocked())
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
        let outcome = self.outcome(Line::deadline(), asked).await;
        self.done(doing, outcome)
    }

    /// Ends the connection, and with it what we have of the source.
    fn give_up(&mut self) {
        if let Some(Connected { socket, .. }) = self.connected.take() {
            socket.cut();
        }
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
