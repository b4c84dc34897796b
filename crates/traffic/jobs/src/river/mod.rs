//! River: a job's queue is chosen while its row is inserted, by a trigger; nothing passes through us.
//!
//! The trigger runs in the producer's own transaction, so a job is in one queue from the moment it
//! exists, and whoever dies when changes nothing about it. It reads a row that says how many are chosen
//! and until when: a sampler renews that, and when none is left sampling ends by itself after
//! [`LEASE`], so that a dead sampler cannot fill a queue that nobody watches. It can fail in no way
//! that a row of ours can bring about, since a failing trigger would fail the producer.
//!
//! Written against River 0.26 and later (the table `river_job` has `unique_states`). The states, and
//! how a discarded job is made available again (`JobRetry`), are River's.
//! Start at [`River::open`]; all SQL is in `sql`.

mod sql;
#[cfg(test)]
mod tests;

use crate::broker::{Broker, HandBack, HandedBack, InFlight, Look, Pace, Undone, When, Wish};
use crate::error::JobsError;
use crate::plan::Plan;
use photofinish_postgres_tls::Tls;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row};

/// How long the trigger goes on choosing after a sampler last said so.
const LEASE: &str = "10 seconds";

/// How long Postgres may take to answer; a lock is given up before.
const PATIENCE: Duration = Duration::from_secs(10);

/// What goes back in one step.
const BATCH: i64 = 100;

/// A table `river_job`.
pub(crate) struct River {
    config: Config,
    tls: Tls,
    place: String,
    source: String,
    race: String,
    key: Option<String>,
    /// The connection, with the schema of the table.
    connected: Option<(Client, String)>,
    /// The job that is to be taken next, when last looked; and how often one was.
    next: Option<i64>,
    taken: i64,
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl River {
    pub(crate) async fn open(plan: &Plan) -> Result<River, JobsError> {
        let (mut config, tls) =
            photofinish_postgres_tls::parse(&plan.url).map_err(|cause| JobsError::Url { cause })?;
        config.connect_timeout(PATIENCE).application_name("photofinish jobs");
        let mut river = River {
            config,
            tls,
            place: plan.place(),
            source: plan.source.clone(),
            race: plan.race.clone(),
            key: plan.key.clone(),
            connected: None,
            next: None,
            taken: 0,
        };
        river.client("be connected").await?;
        Ok(river)
    }

    /// The connection and the schema; made again when it broke.
    async fn client(&mut self, doing: &'static str) -> Result<(&Client, &str), JobsError> {
        if self.connected.as_ref().is_none_or(|(client, _)| client.is_closed()) {
            let connect =
                |cause| JobsError::Connect { broker: "Postgres", place: self.place.clone(), cause };
            let (client, line) =
                match timeout(PATIENCE, self.config.connect(self.tls.clone())).await {
                    Ok(connected) => connected.map_err(|cause| connect(cause.into()))?,
                    Err(late) => return Err(connect(late.into())),
                };
            tokio::spawn(line);
            let found = client.query_opt(sql::SCHEMA, &[]).await;
            let found = found.map_err(|cause| self.failed("find river_job", cause.into()))?;
            let Some(row) = found else {
                return Err(JobsError::Unsuited {
                    broker: "Postgres",
                    place: self.place.clone(),
                    problem: "has no table river_job",
                    hint: "name River's database in `url`; another schema with ?options=-csearch_path%3Dname",
                });
            };
            self.connected = Some((client, row.get(0)));
        }
        match &self.connected {
            Some((client, schema)) => Ok((client, schema)),
            None => Err(self.failed(doing, "the connection is closed".into())),
        }
    }

    fn failed(
        &self,
        doing: &'static str,
        cause: Box<dyn std::error::Error + Send + Sync>,
    ) -> JobsError {
        JobsError::Ask { broker: "Postgres", place: self.place.clone(), doing, cause }
    }

    /// Rows of one statement, which is a transaction of its own.
    async fn rows(
        &mut self,
        doing: &'static str,
        statement: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, JobsError> {
        let (client, schema) = self.client(doing).await?;
        let statement = sql::within(statement, schema);
        let outcome = match timeout(PATIENCE, client.query(&statement, values)).await {
            Ok(rows) => rows.map_err(Into::into),
            Err(late) => Err(late.into()),
        };
        outcome.map_err(|cause| {
            self.connected = None;
            self.failed(doing, cause)
        })
    }

    /// Several statements in one transaction.
    async fn together(&mut self, doing: &'static str, statements: &str) -> Result<(), JobsError> {
        let (client, schema) = self.client(doing).await?;
        let statements = sql::within(statements, schema);
        let outcome = match timeout(PATIENCE, client.batch_execute(&statements)).await {
            Ok(done) => done.map_err(Into::into),
            Err(late) => Err(late.into()),
        };
        outcome.map_err(|cause| {
            self.connected = None;
            self.failed(doing, cause)
        })
    }

    async fn count(
        &mut self,
        doing: &'static str,
        statement: &str,
        values: Values<'_>,
    ) -> Result<u64, JobsError> {
        let rows = self.rows(doing, statement, values).await?;
        Ok(rows.first().map_or(0, |row| unsigned(row.get(0))))
    }

    /// Makes jobs that River gave up in the race queue available to the normal workers, one by one: one
    /// whose unique key is taken by now cannot be, and keeps none of the others from it.
    async fn revive(&mut self, source: &str, race: &str) -> Result<u64, JobsError> {
        let discarded = self.rows("find discarded jobs", sql::DISCARDED, &[&race, &BATCH]).await?;
        let mut revived = 0;
        for row in discarded {
            let id: i64 = row.get(0);
            match self.count("revive a job", sql::REVIVE, &[&source, &race, &id]).await {
                Ok(many) => revived += many,
                Err(error) if sql::is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revived)
    }

    async fn write_mode(&mut self, wish: Wish) -> Result<(), JobsError> {
        let every = if wish.room == 0 { 0 } else { i64::from(wish.every) };
        let (source, race, key) = (self.source.clone(), self.race.clone(), self.key.clone());
        let values: Values<'_> = &[&source, &race, &every, &wish.mode, &key];
        self.rows("write down what is sampled", sql::RENEW, values).await?;
        Ok(())
    }
}

impl Broker for River {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        self.together("make the table of what is sampled", sql::TABLE).await?;
        if self.rows("look for the trigger", sql::HAS_TRIGGER, &[]).await?.is_empty() {
            self.together("make the trigger", sql::TRIGGER).await?;
        }
        Ok(())
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        self.write_mode(wish).await?;
        Ok(0)
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        let age = what.older_than.as_secs_f64();
        let values: Values<'_> = &[&source, &race, &age, &BATCH];
        let waited = self.count("move jobs back", sql::AGED, values).await?;
        let attempts = i16::try_from(what.attempts).unwrap_or(i16::MAX);
        let values: Values<'_> = &[&source, &race, &attempts, &BATCH];
        let mut failed = self.count("move failed jobs back", sql::FAILED, values).await?;
        failed += self.revive(&source, &race).await?;
        if waited + failed > 0 {
            let values: Values<'_> = &[&source, &signed(waited), &signed(failed)];
            self.rows("count what went back", sql::COUNT, values).await?;
        }
        Ok(HandedBack { waited, failed, orphaned: 0 })
    }

    async fn look(&mut self, whole: bool) -> Result<Look, JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        if let Some(next) = self.next
            && self.rows("find a job", sql::STILL_WAITS, &[&next, &race]).await?.is_empty()
        {
            self.taken += 1;
        }
        let waiting = self.rows("count waiting jobs", sql::WAITING, &[&race]).await?;
        let (race_waits, next) =
            waiting.first().map_or((0, None), |row| (unsigned(row.get(0)), row.get(1)));
        self.next = next;
        let mut look = Look { race: race_waits, taken: self.taken, ..Look::default() };
        if whole {
            look.main = self.count("count waiting jobs", sql::WAITING, &[&source]).await?;
        }
        let has_table = !self.rows("look for our table", sql::HAS_TABLE, &[]).await?.is_empty();
        if has_table
            && let Some(row) =
                self.rows("tell what is sampled", sql::NOTES, &[&source]).await?.first()
        {
            look.mode = Some(row.get(0));
            look.beat = Some(Duration::from_secs_f64(row.get::<_, f64>(1).max(0.0)));
            look.handed_back.waited = unsigned(row.get(2));
            look.handed_back.failed = unsigned(row.get(3));
        }
        Ok(look)
    }

    async fn in_flight(&mut self, when: When) -> Result<Vec<InFlight>, JobsError> {
        let race = self.race.clone();
        // A job is taken by the database's clock and ends by that of its worker, which is ours.
        let slack = when.slack.as_secs_f64();
        let at = Duration::from_millis(u64::try_from(when.at).unwrap_or(0));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (ago, ended) = (now.as_secs_f64() - at.as_secs_f64() - slack, at.as_secs_f64() - slack);
        let values: Values<'_> = &[&race, &ago, &ended];
        let rows = self.rows("tell what is under way", sql::IN_FLIGHT, values).await?;
        Ok(rows
            .iter()
            .map(|row| InFlight {
                id: row.get::<_, i64>(0).to_string(),
                kind: Some(row.get(1)),
                worker: row.get(2),
            })
            .collect())
    }

    async fn pace(&mut self) -> Result<Option<Pace>, JobsError> {
        let mut means = Vec::new();
        for queue in [self.source.clone(), self.race.clone()] {
            let rows = self.rows("tell how long jobs take", sql::PACE, &[&queue]).await?;
            let Some(row) = rows.first().filter(|row| row.get::<_, i64>(1) >= Pace::ENOUGH) else {
                return Ok(None);
            };
            means.push(Duration::from_secs_f64(row.get::<_, f64>(0).max(0.0)));
        }
        Ok(Some(Pace { main: means[0], race: means[1] }))
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        self.write_mode(Wish { every: 0, room: 0, mode }).await
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        if self.rows("look for our table", sql::HAS_TABLE, &[]).await?.is_empty() {
            return Ok(Undone::default());
        }
        let (source, race) = (self.source.clone(), self.race.clone());
        let name = |name: &str| format!("'{}'", name.replace('\'', "''"));
        let undo = sql::UNDO.replace("$1", &name(&source)).replace("$2", &name(&race));
        let before = self.count("count jobs", sql::MOVABLE, &[&race]).await?;
        self.together("undo the sampling", &undo).await?;
        let running = self.count("count running jobs", sql::RUNNING, &[&race]).await?;
        Ok(Undone { jobs: before, running })
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
