//! The brokers, each with the little that a benchmark asks of it. Start at [`start`].

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use photofinish_testkit::servers::{NatsServer, PostgresServer, RabbitServer, RedisServer};
use std::collections::HashMap;
use tokio::runtime::Runtime;

/// As the configuration names them.
pub(crate) const NAMES: [&str; 7] =
    ["redis-lists", "redis-streams", "asynq", "river", "sqlite", "nats", "rabbitmq"];

/// Jobs pushed in one go.
const AT_ONCE: u64 = 500;

const BODY: [u8; 100] = [b'x'; 100];

/// A broker with the source `mail`.
pub(crate) trait Queues {
    fn url(&self) -> String;
    fn in_place(&self) -> bool {
        false
    }
    fn push(&mut self, many: u64) {
        let mut left = many;
        while left > 0 {
            let some = left.min(AT_ONCE);
            self.push_some(some);
            left -= some;
        }
    }
    /// At most [`AT_ONCE`], and all of them are safe when it returns.
    fn push_some(&mut self, many: u64);
    /// Takes at most so many jobs and is done with them; how many there were.
    fn take(&mut self, queue: &str, most: u64) -> u64;
    /// Jobs in the source.
    fn waits(&mut self) -> u64;
}

/// A broker of its own; none where this machine has it not.
pub(crate) fn start(name: &str) -> Option<Box<dyn Queues>> {
    match name {
        "river" => River::start().map(|river| Box::new(river) as Box<dyn Queues>),
        "sqlite" => Some(Box::new(Sqlite::start())),
        "nats" => Nats::start().map(|nats| Box::new(nats) as Box<dyn Queues>),
        "rabbitmq" => Rabbit::start().map(|rabbit| Box::new(rabbit) as Box<dyn Queues>),
        _ => {
            let server = RedisServer::start()?;
            let line = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
            Some(Box::new(Redis { server, line, kind: name.to_owned(), next: 0 }))
        }
    }
}

struct Redis {
    server: RedisServer,
    line: redis::Connection,
    kind: String,
    next: u64,
}

impl Redis {
    fn pending(&self, queue: &str) -> String {
        if self.kind == "asynq" { format!("asynq:{{{queue}}}:pending") } else { queue.to_owned() }
    }
}

impl Queues for Redis {
    fn url(&self) -> String {
        self.server.url()
    }

    fn push_some(&mut self, many: u64) {
        let mut pipe = redis::pipe();
        for _ in 0..many {
            self.next += 1;
            let id = self.next.to_string();
            match self.kind.as_str() {
                "asynq" => {
                    let mut message = vec![10, 1, b't', 18, 100];
                    message.extend(BODY);
                    message.extend([26, id.len() as u8]);
                    message.extend(id.as_bytes());
                    message.extend(b"\x22\x04mail");
                    let set = pipe.cmd("HSET").arg(format!("asynq:{{mail}}:t:{id}"));
                    set.arg("msg").arg(message).arg("state").arg("pending").ignore();
                    pipe.cmd("LPUSH").arg("asynq:{mail}:pending").arg(id).ignore();
                }
                "redis-streams" => {
                    pipe.cmd("XADD").arg("mail").arg("*").arg("body").arg(&BODY[..]).ignore();
                }
                _ => {
                    pipe.cmd("LPUSH").arg("mail").arg(&BODY[..]).ignore();
                }
            }
        }
        let () = pipe.query(&mut self.line).unwrap();
    }

    fn take(&mut self, queue: &str, most: u64) -> u64 {
        if self.kind != "redis-streams" {
            let key = self.pending(queue);
            let popped: Option<Vec<Vec<u8>>> =
                redis::cmd("RPOP").arg(key).arg(most).query(&mut self.line).unwrap();
            return popped.map_or(0, |popped| popped.len() as u64);
        }
        // What a group of workers does in two steps, a lone reader does as well.
        let mut range = redis::cmd("XRANGE");
        type Entries = Vec<(String, Vec<Vec<u8>>)>;
        let entries: Entries = range
            .arg(queue)
            .arg("-")
            .arg("+")
            .arg("COUNT")
            .arg(most)
            .query(&mut self.line)
            .unwrap();
        if !entries.is_empty() {
            let mut remove = redis::cmd("XDEL");
            remove.arg(queue);
            entries.iter().for_each(|(id, _)| {
                remove.arg(id);
            });
            let _: u64 = remove.query(&mut self.line).unwrap();
        }
        entries.len() as u64
    }

    fn waits(&mut self) -> u64 {
        let word = if self.kind == "redis-streams" { "XLEN" } else { "LLEN" };
        redis::cmd(word).arg(self.pending("mail")).query(&mut self.line).unwrap()
    }
}

struct River {
    server: PostgresServer,
    runtime: Runtime,
    client: tokio_postgres::Client,
}

impl River {
    fn start() -> Option<River> {
        let server = PostgresServer::start()?;
        let runtime = runtime();
        let client = runtime.block_on(async {
            let (client, line) =
                tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(line);
            let table = "CREATE TYPE river_job_state AS ENUM ('available', 'cancelled', 'completed', 'discarded',
                'pending', 'retryable', 'running', 'scheduled');
                CREATE TABLE river_job (id bigserial PRIMARY KEY, state river_job_state NOT NULL DEFAULT 'available',
                attempt smallint NOT NULL DEFAULT 0, max_attempts smallint NOT NULL DEFAULT 25, finalized_at timestamptz,
                scheduled_at timestamptz NOT NULL DEFAULT now(), priority smallint NOT NULL DEFAULT 1, errors jsonb[],
                kind text NOT NULL, queue text NOT NULL DEFAULT 'mail', args bytea);
                CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id)";
            client.batch_execute(table).await.unwrap();
            client
        });
        Some(River { server, runtime, client })
    }
}

impl Queues for River {
    fn url(&self) -> String {
        self.server.url()
    }

    fn in_place(&self) -> bool {
        true
    }

    fn push_some(&mut self, many: u64) {
        let insert =
            "INSERT INTO river_job (kind, args) SELECT 'mail', $1 FROM generate_series(1, $2)";
        let many = i32::try_from(many).unwrap();
        let pushed = async { self.client.execute(insert, &[&&BODY[..], &many]).await };
        self.runtime.block_on(pushed).unwrap();
    }

    fn take(&mut self, queue: &str, most: u64) -> u64 {
        let take = "DELETE FROM river_job WHERE id IN (SELECT id FROM river_job WHERE queue = $1
            AND state = 'available' ORDER BY priority, scheduled_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)";
        self.runtime
            .block_on(self.client.execute(take, &[&queue, &i64::try_from(most).unwrap()]))
            .unwrap()
    }

    fn waits(&mut self) -> u64 {
        0
    }
}

struct Sqlite {
    file: rusqlite::Connection,
    folder: tempfile::TempDir,
}

impl Sqlite {
    fn start() -> Sqlite {
        let folder = photofinish_testkit::temp_dir();
        let file = rusqlite::Connection::open(folder.path().join("jobs.db")).unwrap();
        file.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        file.pragma_update(None, "journal_mode", "WAL").unwrap();
        file.execute_batch(include_str!("../../../crates/traffic/jobs/src/sqlite/jobs.sql"))
            .unwrap();
        Sqlite { file, folder }
    }
}

impl Queues for Sqlite {
    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("jobs.db").display())
    }

    fn in_place(&self) -> bool {
        true
    }

    fn push_some(&mut self, many: u64) {
        let all = self.file.transaction().unwrap();
        for _ in 0..many {
            let insert = "INSERT INTO jobs (queue, kind, payload) VALUES ('mail', 'mail', ?1)";
            all.prepare_cached(insert).unwrap().execute([&BODY[..]]).unwrap();
        }
        all.commit().unwrap();
    }

    fn take(&mut self, queue: &str, most: u64) -> u64 {
        let take = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE queue = ?1 AND state = 'waiting'
            ORDER BY due, id LIMIT ?2)";
        let mut take = self.file.prepare_cached(take).unwrap();
        take.execute(rusqlite::params![queue, i64::try_from(most).unwrap()]).unwrap() as u64
    }

    fn waits(&mut self) -> u64 {
        0
    }
}

struct Nats {
    server: NatsServer,
    runtime: Runtime,
    context: async_nats::jetstream::Context,
    /// Workers, which stay from one job to the next.
    consumers: HashMap<String, Consumer>,
}

type Consumer = async_nats::jetstream::consumer::PullConsumer;

impl Nats {
    fn start() -> Option<Nats> {
        let server = NatsServer::start()?;
        let runtime = runtime();
        let context = runtime.block_on(async {
            let client = async_nats::connect(server.url()).await.unwrap();
            let context = async_nats::jetstream::new(client);
            let config = async_nats::jetstream::stream::Config {
                name: "mail".to_owned(),
                subjects: vec!["mail.>".to_owned()],
                retention: async_nats::jetstream::stream::RetentionPolicy::WorkQueue,
                ..Default::default()
            };
            context.create_stream(config).await.unwrap();
            context
        });
        Some(Nats { server, runtime, context, consumers: HashMap::new() })
    }
}

impl Queues for Nats {
    fn url(&self) -> String {
        self.server.url()
    }

    fn push_some(&mut self, many: u64) {
        self.runtime.block_on(async {
            let mut sent = Vec::new();
            for _ in 0..many {
                let body = BODY.to_vec().into();
                sent.push(self.context.publish("mail.count", body).await.unwrap());
            }
            for sent in sent {
                sent.await.unwrap();
            }
        });
    }

    fn take(&mut self, queue: &str, most: u64) -> u64 {
        self.runtime.block_on(async {
            if !self.consumers.contains_key(queue) {
                let stream = self.context.get_stream_no_info(queue).await.unwrap();
                let config = async_nats::jetstream::consumer::pull::Config {
                    durable_name: Some("workers".to_owned()),
                    ..Default::default()
                };
                let consumer = stream.get_or_create_consumer("workers", config).await.unwrap();
                self.consumers.insert(queue.to_owned(), consumer);
            }
            let consumer = &self.consumers[queue];
            let mut jobs = consumer.fetch().max_messages(most as usize).messages().await.unwrap();
            let mut many = 0;
            while let Some(Ok(job)) = jobs.next().await {
                job.ack().await.unwrap();
                many += 1;
            }
            many
        })
    }

    fn waits(&mut self) -> u64 {
        self.runtime.block_on(async {
            let stream = self.context.get_stream("mail").await.unwrap();
            stream.cached_info().state.messages
        })
    }
}

struct Rabbit {
    server: RabbitServer,
    runtime: Runtime,
    channel: lapin::Channel,
    _connection: lapin::Connection,
}

impl Rabbit {
    fn start() -> Option<Rabbit> {
        let server = RabbitServer::start()?;
        let runtime = runtime();
        let (connection, channel) = runtime.block_on(async {
            let connection =
                lapin::Connection::connect(&server.url(), Default::default()).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            let mut quorum = FieldTable::default();
            quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            let durable = QueueDeclareOptions::durable();
            channel.queue_declare("mail".into(), durable, quorum).await.unwrap();
            (connection, channel)
        });
        Some(Rabbit { server, runtime, channel, _connection: connection })
    }
}

impl Queues for Rabbit {
    fn url(&self) -> String {
        self.server.url()
    }

    fn push_some(&mut self, many: u64) {
        self.runtime.block_on(async {
            let mut sent = Vec::new();
            for _ in 0..many {
                let properties = lapin::BasicProperties::default().with_delivery_mode(2);
                let options = BasicPublishOptions::default();
                let publish = self.channel.basic_publish(
                    "".into(),
                    "mail".into(),
                    options,
                    &BODY,
                    properties,
                );
                sent.push(publish.await.unwrap());
            }
            for sent in sent {
                sent.await.unwrap();
            }
        });
    }

    fn take(&mut self, queue: &str, most: u64) -> u64 {
        self.runtime.block_on(async {
            if most == 1 {
                let got = self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true });
                return u64::from(got.await.unwrap().is_some());
            }
            let channel = self._connection.create_channel().await.unwrap();
            let prefetch = u16::try_from(most).unwrap();
            channel.basic_qos(prefetch, Default::default()).await.unwrap();
            let consume = channel.basic_consume(
                queue.into(),
                "".into(),
                Default::default(),
                FieldTable::default(),
            );
            let mut consumer = consume.await.unwrap();
            let (mut many, silence) = (0, std::time::Duration::from_millis(20));
            while let Ok(Some(Ok(job))) = tokio::time::timeout(silence, consumer.next()).await {
                job.acker.ack(BasicAckOptions::default()).await.unwrap();
                many += 1;
            }
            channel.close(200, "done".into()).await.unwrap();
            many
        })
    }

    fn waits(&mut self) -> u64 {
        let passive = QueueDeclareOptions::durable().passive();
        let asked = self.channel.queue_declare("mail".into(), passive, FieldTable::default());
        self.runtime.block_on(asked).unwrap().message_count().into()
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}
