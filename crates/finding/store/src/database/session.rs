//! The thread that a connection to Postgres lives on.
//!
//! Statements that only write are sent and not waited for until something is asked that has an answer, so a
//! sighting costs a trip or two to the server rather than ten. They are answered in order, and the first
//! that failed is what the next question hears.

use super::DatabaseError;
use super::value::{Row, Value};
use futures_util::future::poll_immediate;
use photofinish_postgres_tls::Tls;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Statement};

/// For a connection to be made.
const CONNECTING: Duration = Duration::from_secs(10);
/// For an answer; what Postgres itself gives up on, it gives up on before.
const PATIENCE: Duration = Duration::from_secs(90);
/// Statements kept prepared; each filter of a list is one.
const PREPARED: usize = 200;
/// Statements that are not waited for at most.
const UNDER_WAY: usize = 256;

/// What is said to every connection. What is answered is on the disk; a lock is given up in time to say so; a
/// client that vanished in the middle of a transaction does not keep the others from writing for long.
const GREETING: &str = "
    SET lock_timeout = '20s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s';
    SET client_min_messages = warning;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

pub(super) type Answer = Result<Vec<Row>, DatabaseError>;

/// What a connection is asked; all but `Write` are answered.
pub(super) enum Call {
    Connect,
    Rows { sql: String, values: Vec<Value> },
    Write { sql: String, values: Vec<Value> },
    Batch { sql: String },
    Begin { sql: String },
    Commit,
    RollBack,
}

type Writing = Pin<Box<dyn Future<Output = Result<(), DatabaseError>>>>;

pub(super) struct Session {
    config: Config,
    tls: Tls,
    answers: Sender<Answer>,
    connected: Option<Connected>,
    /// What comes until the end of the transaction belongs to it, connection or not.
    in_transaction: bool,
    /// The first write since the last answer that failed.
    failed: Option<DatabaseError>,
    under_way: Vec<Writing>,
}

struct Connected {
    client: Arc<Client>,
    prepared: HashMap<String, Statement>,
}

impl Session {
    pub(super) fn new(mut config: Config, tls: Tls, answers: Sender<Answer>) -> Session {
        config.connect_timeout(CONNECTING).application_name("photofinish");
        config.tcp_user_timeout(Duration::from_secs(30));
        config.keepalives_idle(Duration::from_secs(20)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        Session {
            config,
            tls,
            answers,
            connected: None,
            in_transaction: false,
            failed: None,
            under_way: Vec::new(),
        }
    }

    /// Until nobody is left to ask.
    pub(super) fn run(mut self, mut calls: UnboundedReceiver<Call>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(cause) => return drop(self.answers.send(Err(DatabaseError::Thread(cause)))),
        };
        runtime.block_on(async {
            while let Some(call) = calls.recv().await {
                let answer = match tokio::time::timeout(PATIENCE, self.answer(call)).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        self.connected = None;
                        self.under_way.clear();
                        Some(Err(DatabaseError::Late(PATIENCE)))
                    }
                };
                if answer.is_some_and(|answer| self.answers.send(answer).is_err()) {
                    return;
                }
            }
        });
    }

    /// `None` for what is not answered.
    async fn answer(&mut self, call: Call) -> Option<Answer> {
        Some(match call {
            Call::Write { sql, values } => {
                let outcome = self.write(&sql, values).await;
                self.note(outcome);
                return None;
            }
            Call::Connect => self.client().await.map(|_| Vec::new()),
            Call::Rows { sql, values } => self.rows(&sql, values).await,
            Call::Batch { sql } => self.batch(&sql).await,
            Call::Begin { sql } => {
                self.failed = None;
                let begun = self.batch(&sql).await;
                self.in_transaction = begun.is_ok();
                // A turn that did not come in time leaves a transaction that takes nothing more.
                if begun.is_err()
                    && let Some(connected) = &self.connected
                    && connected.client.batch_execute("ROLLBACK").await.is_err()
                {
                    self.connected = None;
                }
                begun
            }
            Call::Commit => match self.settle().await {
                Ok(()) => {
                    let committed = self.batch("COMMIT").await;
                    self.in_transaction = committed.is_err();
                    committed
                }
                Err(error) => Err(error),
            },
            Call::RollBack => {
                let _ = self.settle().await;
                let rolled_back = self.batch("ROLLBACK").await;
                self.in_transaction = false;
                if rolled_back.is_err() {
                    self.connected = None;
                }
                rolled_back
            }
        })
    }

    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Answer {
        let (client, statement) = self.prepared(sql).await?;
        let values = parameters(&values);
        let mut asked = Box::pin(client.query(&statement, &values));
        // Sent before what was written is waited for.
        let soon = poll_immediate(&mut asked).await;
        self.settle().await?;
        let rows = match soon {
            Some(rows) => rows?,
            None => asked.await?,
        };
        rows.iter().map(Row::of_postgres).collect()
    }

    async fn write(&mut self, sql: &str, values: Vec<Value>) -> Result<(), DatabaseError> {
        if self.under_way.len() >= UNDER_WAY {
            let settled = self.settle().await;
            self.note(settled);
        }
        let (client, statement) = self.prepared(sql).await?;
        let mut writing: Writing = Box::pin(async move {
            client.execute(&statement, &parameters(&values)).await?;
            Ok(())
        });
        match poll_immediate(&mut writing).await {
            Some(written) => written,
            None => {
                self.under_way.push(writing);
                Ok(())
            }
        }
    }

    async fn batch(&mut self, sql: &str) -> Answer {
        self.client().await?.batch_execute(sql).await?;
        Ok(Vec::new())
    }

    fn note(&mut self, outcome: Result<(), DatabaseError>) {
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }

    /// Waits for all that was written.
    async fn settle(&mut self) -> Result<(), DatabaseError> {
        for writing in std::mem::take(&mut self.under_way) {
            let outcome = writing.await;
            self.note(outcome);
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    async fn prepared(&mut self, sql: &str) -> Result<(Arc<Client>, Statement), DatabaseError> {
        let connected = self.client_and_statements().await?;
        let client = Arc::clone(&connected.client);
        if let Some(statement) = connected.prepared.get(sql) {
            return Ok((client, statement.clone()));
        }
        let statement = match client.prepare(&in_postgres(sql)).await {
            Ok(statement) => statement,
            Err(refused) => {
                // Most likely what was written before it had failed, and nothing more is taken.
                self.settle().await?;
                return Err(refused.into());
            }
        };
        let connected = self.client_and_statements().await?;
        if connected.prepared.len() >= PREPARED {
            connected.prepared.clear();
        }
        connected.prepared.insert(sql.to_owned(), statement.clone());
        Ok((client, statement))
    }

    async fn client(&mut self) -> Result<Arc<Client>, DatabaseError> {
        Ok(Arc::clone(&self.client_and_statements().await?.client))
    }

    async fn client_and_statements(&mut self) -> Result<&mut Connected, DatabaseError> {
        if self.connected.as_ref().is_some_and(|connected| connected.client.is_closed()) {
            self.connected = None;
        }
        let connected = match self.connected.take() {
            Some(connected) => connected,
            None if self.in_transaction => return Err(DatabaseError::Closed),
            None => self.connect().await?,
        };
        Ok(self.connected.insert(connected))
    }

    async fn connect(&mut self) -> Result<Connected, DatabaseError> {
        let (client, line) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(line);
        client.batch_execute(GREETING).await?;
        Ok(Connected { client: Arc::new(client), prepared: HashMap::new() })
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A statement as Postgres spells it.
fn in_postgres(sql: &str) -> String {
    sql.replace('?', "$").replace("instr(", "strpos(")
}
