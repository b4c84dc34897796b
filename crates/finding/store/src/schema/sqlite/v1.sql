-- One row per finding: many sightings of one race. Times are milliseconds since 1970, UTC.
CREATE TABLE finding (
    id              INTEGER PRIMARY KEY,
    fingerprint     TEXT    NOT NULL UNIQUE,
    title           TEXT    NOT NULL,
    pattern         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    light_only      INTEGER NOT NULL, -- 1: never seen by a full build
    first_seen      INTEGER NOT NULL,
    last_seen       INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    sample_rank     INTEGER NOT NULL, -- how much the kept race tells; a better one replaces it
    closed_at       INTEGER,
    fixed_in        TEXT,
    muted_until     INTEGER,
    owners          TEXT    NOT NULL, -- JSON array
    owners_assigned INTEGER NOT NULL  -- 1: by a person, not to be worked out again
) STRICT;

-- What was seen: 'sample' is the JSON of the best race, 'first' and 'latest' are reports as printed.
-- Apart from `finding`, so that counting a sighting does not rewrite them.
CREATE TABLE evidence (
    finding INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    role    TEXT    NOT NULL CHECK (role IN ('sample', 'first', 'latest')),
    text    TEXT    NOT NULL,
    UNIQUE (finding, role)
) STRICT;

-- Counts by where it was seen; '' where that is not known.
CREATE TABLE tally (
    id         INTEGER PRIMARY KEY,
    finding    INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    source     TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    build      TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    UNIQUE (finding, source, service, build, host)
) STRICT;

-- Every sighting by its key, so that none is counted twice.
CREATE TABLE sighting (
    key     TEXT    NOT NULL PRIMARY KEY,
    finding INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    tally   INTEGER NOT NULL REFERENCES tally (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    pid     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_at ON sighting (finding, at);

-- When each build was first heard of: the order that tells a later build from an earlier one.
CREATE TABLE build (
    service    TEXT    NOT NULL,
    build      TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    PRIMARY KEY (service, build)
) STRICT, WITHOUT ROWID;

-- What happened to a finding; `who` is NULL for photofinish itself.
CREATE TABLE change (
    id         INTEGER PRIMARY KEY,
    finding    INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    who        TEXT,
    why        TEXT    NOT NULL
) STRICT;
CREATE INDEX change_finding ON change (finding);
