-- The embedded queue: one table, which any program with a SQLite driver can write and read. Times are
-- milliseconds since 1970, UTC. docs/jobs.md has the statements that producers and workers need.
CREATE TABLE IF NOT EXISTS jobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue        TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'running', 'done', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,  -- how often it was taken
    max_attempts INTEGER NOT NULL DEFAULT 10, -- so often taken and failed, it is dead
    due          INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    worker       TEXT,    -- HOST:PID of who took it last
    taken        INTEGER, -- when
    lease        INTEGER, -- running: taken for lost after this
    ended        INTEGER, -- when the last attempt did
    error        TEXT     -- of the last attempt that failed
);
CREATE INDEX IF NOT EXISTS jobs_next ON jobs (queue, state, due, id);
