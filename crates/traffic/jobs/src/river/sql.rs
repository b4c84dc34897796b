//! All that is said to Postgres, a flat table; `{s}` stands for the schema of `river_job`.

use crate::error::JobsError;
use crate::rule;
use tokio_postgres::error::SqlState;

/// `statement` with the schema and the rule in it.
pub(super) fn within(statement: &str, schema: &str) -> String {
    let schema = format!("\"{}\"", schema.replace('"', "\"\""));
    statement.replace("{s}", &schema).replace("{pick}", rule::SQL).replace("{lease}", super::LEASE)
}

/// Whether a row of the same unique key is there.
pub(super) fn is_duplicate(error: &JobsError) -> bool {
    let cause = std::error::Error::source(error);
    let code = cause.and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>()?.code());
    code == Some(&SqlState::UNIQUE_VIOLATION)
}

pub(super) const SCHEMA: &str = "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.oid = to_regclass('river_job')";

pub(super) const HAS_TABLE: &str = "SELECT 1 WHERE to_regclass('{s}.photofinish_jobs') IS NOT NULL";

pub(super) const HAS_TRIGGER: &str = "SELECT 1 FROM pg_trigger WHERE tgname = 'photofinish_jobs' \
     AND tgrelid = to_regclass('{s}.river_job') AND NOT tgisinternal AND tgenabled <> 'D' \
     AND EXISTS (SELECT 1 FROM pg_proc p WHERE p.oid = tgfoid AND p.prosrc LIKE '%key_of%')";

/// Samplers that start together take turns: two that make the same thing at once fail.
pub(super) const TABLE: &str = "BEGIN;
SELECT pg_advisory_xact_lock(hashtext('photofinish jobs'));
CREATE TABLE IF NOT EXISTS {s}.photofinish_jobs (
  source text PRIMARY KEY, race text NOT NULL, every bigint NOT NULL, until timestamptz NOT NULL,
  mode text NOT NULL, beat timestamptz NOT NULL,
  waited bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0);
ALTER TABLE {s}.photofinish_jobs ADD COLUMN IF NOT EXISTS key text;
COMMIT";

/// The function belongs to us and reads our table whoever inserts; making the trigger waits for
/// writers, and gives up rather than hold them up behind a long transaction.
pub(super) const TRIGGER: &str = "BEGIN;
SET LOCAL lock_timeout = '3s';
SELECT pg_advisory_xact_lock(hashtext('photofinish jobs'));
CREATE OR REPLACE FUNCTION {s}.photofinish_jobs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
DECLARE
  position bigint := NEW.id;
  every bigint;
  race_queue text;
  key_of text;
  found_key text;
  chosen boolean;
BEGIN
  SELECT j.every, j.race, j.key INTO every, race_queue, key_of FROM {s}.photofinish_jobs j
    WHERE j.source = NEW.queue AND j.every > 0 AND j.until > clock_timestamp();
  IF NOT FOUND THEN
    RETURN NEW;
  END IF;
  -- Each in a statement of its own, which is looked at only when it is come to.
  IF key_of = 'kind' THEN
    found_key := NEW.kind;
  ELSIF key_of = 'tag' THEN
    found_key := NEW.tags[1];
  ELSIF key_of IS NOT NULL THEN
    found_key := NEW.metadata ->> substr(key_of, 10);
  END IF;
  IF found_key IS NULL THEN
    chosen := {pick};
  ELSE
    chosen := (hashtextextended(found_key, 0) % every + every) % every = 0;
  END IF;
  IF chosen THEN
    NEW.queue := race_queue;
  END IF;
  RETURN NEW;
END
$body$;
DROP TRIGGER IF EXISTS photofinish_jobs ON {s}.river_job;
CREATE TRIGGER photofinish_jobs BEFORE INSERT ON {s}.river_job
  FOR EACH ROW EXECUTE FUNCTION {s}.photofinish_jobs();
COMMIT";

pub(super) const RENEW: &str =
    "INSERT INTO {s}.photofinish_jobs (source, race, every, until, mode, beat, key)
VALUES ($1, $2, $3, clock_timestamp() + interval '{lease}', $4, clock_timestamp(), $5)
ON CONFLICT (source) DO UPDATE SET race = excluded.race, every = excluded.every, key = excluded.key,
  until = excluded.until, mode = excluded.mode, beat = excluded.beat";

pub(super) const COUNT: &str =
    "UPDATE {s}.photofinish_jobs SET waited = waited + $2, failed = failed + $3 WHERE source = $1";

pub(super) const NOTES: &str =
    "SELECT mode, extract(epoch FROM clock_timestamp() - beat)::float8, waited, failed
FROM {s}.photofinish_jobs WHERE source = $1";

/// Taken by then, and not finished before; a failed attempt ends when its error was written down.
pub(super) const IN_FLIGHT: &str = "SELECT id, kind, attempted_by[cardinality(attempted_by)]
FROM {s}.river_job WHERE queue = $1 AND attempted_at <= clock_timestamp() - make_interval(secs => $2::float8)
  AND (state = 'running' OR coalesce(finalized_at,
    (errors[cardinality(errors)] ->> 'at')::timestamptz) >= to_timestamp($3::float8))
ORDER BY attempted_at, id LIMIT 100";

/// River keeps completed jobs for a day; the index over (state, finalized_at) finds the latest.
pub(super) const PACE: &str =
    "SELECT extract(epoch FROM avg(finalized_at - attempted_at))::float8, count(*)
FROM (SELECT finalized_at, attempted_at FROM {s}.river_job WHERE state = 'completed' AND queue = $1
  AND finalized_at > now() - interval '10 minutes' ORDER BY finalized_at DESC LIMIT 200) latest";

/// How many wait in a queue, and which is taken next.
pub(super) const WAITING: &str = "SELECT
  (SELECT count(*) FROM {s}.river_job WHERE queue = $1 AND state = 'available'),
  (SELECT id FROM {s}.river_job WHERE queue = $1 AND state = 'available'
   ORDER BY priority, scheduled_at, id LIMIT 1)";

/// Finds nothing when a worker has taken the job, or River has removed it since.
pub(super) const STILL_WAITS: &str =
    "SELECT 1 FROM {s}.river_job WHERE id = $1 AND (queue <> $2 OR state = 'available')";

/// Jobs that waited too long. Rows that a worker is taking are locked, and left to it.
pub(super) const AGED: &str = "WITH old AS (
  SELECT id FROM {s}.river_job WHERE queue = $2 AND state = 'available'
    AND ($3::float8 = 0 OR scheduled_at < now() - make_interval(secs => $3::float8))
  ORDER BY priority, scheduled_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE {s}.river_job j SET queue = $1 FROM old WHERE j.id = old.id RETURNING 1
) SELECT count(*) FROM moved";

/// Jobs that failed and wait for another attempt.
pub(super) const FAILED: &str = "WITH old AS (
  SELECT id FROM {s}.river_job WHERE queue = $2 AND state IN ('available', 'scheduled', 'retryable')
    AND attempt >= $3 AND cardinality(errors) > 0
  ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE {s}.river_job j SET queue = $1 FROM old WHERE j.id = old.id RETURNING 1
) SELECT count(*) FROM moved";

pub(super) const DISCARDED: &str =
    "SELECT id FROM {s}.river_job WHERE queue = $1 AND state = 'discarded' ORDER BY id LIMIT $2";

/// As River's own `JobRetry`: available at once, with one attempt more than it had.
pub(super) const REVIVE: &str = "WITH moved AS (
  UPDATE {s}.river_job SET queue = $1, state = 'available', finalized_at = NULL, scheduled_at = now(),
    max_attempts = greatest(max_attempts, attempt + 1)
  WHERE id = $3 AND queue = $2 AND state = 'discarded' RETURNING 1
) SELECT count(*) FROM moved";

pub(super) const MOVABLE: &str = "SELECT count(*) FROM {s}.river_job
WHERE queue = $1 AND state IN ('available', 'scheduled', 'retryable', 'pending')";

pub(super) const RUNNING: &str =
    "SELECT count(*) FROM {s}.river_job WHERE queue = $1 AND state = 'running'";

/// With the table locked no producer is in the middle of an insert that the trigger has decided. The
/// trigger, function and table go with the last queue.
pub(super) const UNDO: &str = "BEGIN;
SET LOCAL lock_timeout = '5s';
SELECT pg_advisory_xact_lock(hashtext('photofinish jobs'));
LOCK TABLE {s}.river_job IN ACCESS EXCLUSIVE MODE;
UPDATE {s}.river_job SET queue = $1
  WHERE queue = $2 AND state IN ('available', 'scheduled', 'retryable', 'pending');
DELETE FROM {s}.photofinish_jobs WHERE source = $1;
DO $body$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM {s}.photofinish_jobs) THEN
    DROP TRIGGER IF EXISTS photofinish_jobs ON {s}.river_job;
    DROP FUNCTION IF EXISTS {s}.photofinish_jobs();
    DROP TABLE {s}.photofinish_jobs;
  END IF;
END $body$;
COMMIT";
