//! All that is said to SQLite, a flat table; `{now}` stands for the time and `{pick}` for the rule.

use crate::rule;

/// `statement` with the time and the rule in it. Written so that SQLite of any age understands it: the
/// triggers run inside the producers' own drivers.
pub(super) fn within(statement: &str) -> String {
    statement
        .replace("{now}", "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
        .replace("{pick}", rule::SQL)
}

pub(super) const JOBS: &str = include_str!("jobs.sql");

pub(super) const HAS: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";

/// What a queue of jobs must have.
pub(super) const COLUMNS: &str = "SELECT count(*) FROM pragma_table_info('jobs') WHERE name IN
 ('id', 'queue', 'kind', 'payload', 'state', 'attempts', 'max_attempts', 'due', 'worker', 'taken', 'lease',
  'ended', 'error')";
pub(super) const N_COLUMNS: i64 = 13;

/// The trigger runs in the producer's own transaction, and finds nothing to do once `until` has passed.
pub(super) const SAMPLING: &str = "
CREATE TABLE IF NOT EXISTS photofinish_jobs (
  source TEXT PRIMARY KEY, race TEXT NOT NULL, every INTEGER NOT NULL, room INTEGER NOT NULL,
  until INTEGER NOT NULL, mode TEXT NOT NULL, beat INTEGER NOT NULL,
  position INTEGER NOT NULL DEFAULT 0, raced INTEGER NOT NULL DEFAULT 0,
  no_room INTEGER NOT NULL DEFAULT 0, taken INTEGER NOT NULL DEFAULT 0,
  waited INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
  orphaned INTEGER NOT NULL DEFAULT 0);
DROP TRIGGER IF EXISTS photofinish_jobs_chosen;
CREATE TRIGGER photofinish_jobs_chosen AFTER INSERT ON jobs
WHEN NEW.state = 'waiting' AND EXISTS (SELECT 1 FROM photofinish_jobs c
  WHERE c.source = NEW.queue AND c.every > 0 AND c.until > {now})
BEGIN
  UPDATE jobs SET queue = (SELECT race FROM photofinish_jobs WHERE source = NEW.queue)
  WHERE id = NEW.id AND (SELECT {pick}
    AND (SELECT count(*) FROM jobs j WHERE j.queue = c.race AND j.state = 'waiting') < c.room
    FROM photofinish_jobs c WHERE c.source = NEW.queue);
  UPDATE photofinish_jobs SET
    raced = raced + ((SELECT queue FROM jobs WHERE id = NEW.id) = race),
    no_room = no_room + (({pick}) AND (SELECT queue FROM jobs WHERE id = NEW.id) <> race),
    position = position + 1
  WHERE source = NEW.queue;
END;
DROP TRIGGER IF EXISTS photofinish_jobs_taken;
CREATE TRIGGER photofinish_jobs_taken AFTER UPDATE OF state ON jobs
WHEN NEW.state = 'running' AND NEW.attempts > OLD.attempts
BEGIN
  UPDATE photofinish_jobs SET taken = taken + 1 WHERE race = NEW.queue;
END;";

pub(super) const RENEW: &str =
    "INSERT INTO photofinish_jobs (source, race, every, room, until, mode, beat)
VALUES (?1, ?2, ?3, ?4, {now} + ?5, ?6, {now})
ON CONFLICT (source) DO UPDATE SET race = excluded.race, every = excluded.every, room = excluded.room,
  until = excluded.until, mode = excluded.mode, beat = excluded.beat";

/// Done long ago: of no use to anybody, and findings have been linked to them. By `due`, which the index has.
pub(super) const FORGET: &str = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs
  WHERE queue = ?1 AND state = 'done' AND due < {now} - ?2 ORDER BY due LIMIT ?3)";

/// With their `due` as it was, so that the next one taken by the normal workers is the oldest of both.
pub(super) const WAITED: &str = "UPDATE jobs SET queue = ?1 WHERE id IN (SELECT id FROM jobs
  WHERE queue = ?2 AND state = 'waiting' AND (?3 = 0 OR due <= {now} - ?3) ORDER BY due, id LIMIT ?4)";

pub(super) const FAILED: &str = "UPDATE jobs SET queue = ?1 WHERE id IN (SELECT id FROM jobs
  WHERE queue = ?2 AND state = 'waiting' AND error IS NOT NULL AND attempts >= ?3 ORDER BY due, id LIMIT ?4)";

/// Given up here, so it has one attempt more with the normal workers.
pub(super) const DEAD: &str = "UPDATE jobs SET queue = ?1, state = 'waiting', due = {now},
  max_attempts = max(max_attempts, attempts + 1)
  WHERE id IN (SELECT id FROM jobs WHERE queue = ?2 AND state = 'dead' ORDER BY due, id LIMIT ?3)";

/// Some seconds before the lease ends, which a worker that lives renews long before: else another race
/// worker would take the job, and one that kills its worker would kill them all, one after the other.
pub(super) const ORPHANED: &str = "UPDATE jobs SET queue = ?1, state = 'waiting', worker = NULL
  WHERE id IN (SELECT id FROM jobs WHERE queue = ?2 AND state = 'running' AND lease < {now} + 5000 LIMIT ?3)";

pub(super) const COUNT: &str =
    "UPDATE photofinish_jobs SET waited = waited + ?2, failed = failed + ?3,
  orphaned = orphaned + ?4 WHERE source = ?1";

pub(super) const WAITING: &str = "SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'waiting'";

pub(super) const RUNNING: &str = "SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'running'";

pub(super) const IN_FLIGHT: &str = "SELECT id, kind, worker FROM jobs
  WHERE queue = ?1 AND taken <= ?2 AND (state = 'running' OR ended >= ?3) ORDER BY taken, id";

/// The latest, by `due`, which the index has.
pub(super) const PACE: &str = "SELECT avg(ended - taken), count(*) FROM (SELECT ended, taken FROM jobs
  WHERE queue = ?1 AND state = 'done' AND taken IS NOT NULL AND ended IS NOT NULL ORDER BY due DESC LIMIT 200)";

pub(super) const NOTES: &str =
    "SELECT mode, {now} - beat, position, raced, no_room, taken, waited, failed,
  orphaned FROM photofinish_jobs WHERE source = ?1";

pub(super) const HAND_ALL: &str =
    "UPDATE jobs SET queue = ?1 WHERE queue = ?2 AND state <> 'running'";

/// The triggers and the table go with the last queue.
pub(super) const FORGET_SOURCE: &str = "DELETE FROM photofinish_jobs WHERE source = ?1";
pub(super) const SOURCES: &str = "SELECT count(*) FROM photofinish_jobs";
pub(super) const DROP: &str = "DROP TRIGGER IF EXISTS photofinish_jobs_chosen;
DROP TRIGGER IF EXISTS photofinish_jobs_taken;
DROP TABLE IF EXISTS photofinish_jobs;";
