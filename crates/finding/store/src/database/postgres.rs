//! A connection to a Postgres, for callers that wait.
//!
//! The store is called from all sorts of threads, some of which belong to a runtime already, so each
//! connection lives on a thread of its own (`session`) and is asked through a channel. It is made again when
//! it broke, but never in the middle of a transaction, and nothing is sent twice: what a broken connection
//! was asked last has failed as far as anybody here knows, and it is for whoever delivers to deliver again.
//!
//! Start at [`Postgres::open`].

use super::DatabaseError;
use super::session::{Answer, Call, Session};
use super::value::{Row, Value};
use std::sync::mpsc::{Receiver, channel};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A connection that is made when it is needed.
#[derive(Debug)]
pub(crate) struct Postgres {
    calls: UnboundedSender<Call>,
    answers: Receiver<Answer>,
}

impl Postgres {
    /// Connects.
    pub(crate) fn open(url: &str) -> Result<Postgres, DatabaseError> {
        let (mut config, tls) = photofinish_postgres_tls::parse(url).map_err(DatabaseError::Url)?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let (calls, received) = unbounded_channel();
        let (answer, answers) = channel();
        std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || Session::new(config, tls, answer).run(received))
            .map_err(DatabaseError::Thread)?;
        let postgres = Postgres { calls, answers };
        postgres.ask(Call::Connect)?;
        Ok(postgres)
    }

    pub(super) fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        self.ask(Call::Rows { sql: sql.to_owned(), values: values.to_vec() })
    }

    /// Not waited for: see [`super::Database::write`].
    pub(super) fn write(&self, sql: &str, values: &[Value]) -> Result<(), DatabaseError> {
        let call = Call::Write { sql: sql.to_owned(), values: values.to_vec() };
        self.calls.send(call).map_err(|_| DatabaseError::Closed)
    }

    /// Several statements without values.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        self.ask(Call::Batch { sql: sql.to_owned() }).map(drop)
    }

    pub(super) fn begin(&self) -> Result<(), DatabaseError> {
        // The row is a lock, which makes writers take turns, and a count, which tells that there is news.
        let turn =
            "BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE photofinish SET writes = writes + 1";
        self.ask(Call::Begin { sql: turn.to_owned() }).map(drop)
    }

    /// A transaction without a turn at writing, for making the tables themselves.
    pub(crate) fn begin_alone(&self, lock: i64) -> Result<(), DatabaseError> {
        self.ask(Call::Begin { sql: format!("BEGIN; SELECT pg_advisory_xact_lock({lock})") })
            .map(drop)
    }

    pub(crate) fn commit(&self) -> Result<(), DatabaseError> {
        self.ask(Call::Commit).map(drop)
    }

    pub(crate) fn roll_back(&self) {
        // A connection that cannot is thrown away, and Postgres rolls back by itself.
        let _ = self.ask(Call::RollBack);
    }

    fn ask(&self, call: Call) -> Answer {
        self.calls.send(call).map_err(|_| DatabaseError::Closed)?;
        self.answers.recv().map_err(|_| DatabaseError::Closed)?
    }
}
