-- The tables of `sqlite/v1.sql` to `v5.sql`, which say what they are for. Flags are 0 or 1, times milliseconds
-- since 1970, UTC, as there. Later steps have a file for each of the two, or one for both.

-- The version of these tables, and how often something was written: whoever writes updates `writes` first
-- and so waits for those before, which keeps what is read in a transaction true until it ends and ids in the order
-- in which they become visible.
CREATE TABLE photofinish (
    version BIGINT NOT NULL,
    writes  BIGINT NOT NULL
);
INSERT INTO photofinish (version, writes) VALUES (0, 0);

CREATE TABLE finding (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint     TEXT   NOT NULL UNIQUE,
    title           TEXT   NOT NULL,
    pattern         TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    light_only      BIGINT NOT NULL,
    first_seen      BIGINT NOT NULL,
    last_seen       BIGINT NOT NULL,
    count           BIGINT NOT NULL,
    sample_rank     BIGINT NOT NULL,
    closed_at       BIGINT,
    fixed_in        TEXT,
    muted_until     BIGINT,
    owners          TEXT   NOT NULL,
    owners_assigned BIGINT NOT NULL
);

CREATE TABLE evidence (
    finding BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    role    TEXT   NOT NULL CHECK (role IN ('sample', 'first', 'latest')),
    text    TEXT   NOT NULL,
    UNIQUE (finding, role)
);

CREATE TABLE tally (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding    BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    source     TEXT   NOT NULL,
    service    TEXT   NOT NULL,
    build      TEXT   NOT NULL,
    host       TEXT   NOT NULL,
    count      BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    UNIQUE (finding, source, service, build, host)
);

CREATE TABLE sighting (
    key     TEXT   NOT NULL PRIMARY KEY,
    finding BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    tally   BIGINT NOT NULL REFERENCES tally (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    pid     BIGINT
);
CREATE INDEX sighting_at ON sighting (finding, at);

CREATE TABLE build (
    service    TEXT   NOT NULL,
    build      TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    PRIMARY KEY (service, build)
);

CREATE TABLE change (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding    BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    at         BIGINT NOT NULL,
    from_state TEXT,
    to_state   TEXT   NOT NULL,
    who        TEXT,
    why        TEXT   NOT NULL
);
CREATE INDEX change_finding ON change (finding);

CREATE TABLE search (
    finding BIGINT PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    words   TEXT   NOT NULL
);

CREATE TABLE activity (
    finding BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    hour    BIGINT NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (finding, hour)
);

CREATE TABLE job (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding  BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    sighting TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    queue    TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    among    BIGINT NOT NULL,
    UNIQUE (finding, sighting, queue, name)
);

CREATE TABLE cursor (
    reader TEXT   NOT NULL PRIMARY KEY,
    change BIGINT NOT NULL
);

CREATE TABLE campaign (
    id      TEXT   NOT NULL PRIMARY KEY,
    kind    TEXT   NOT NULL,
    service TEXT   NOT NULL,
    host    TEXT   NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    found   TEXT   NOT NULL,
    figures TEXT   NOT NULL
);
CREATE INDEX campaign_ended ON campaign (ended);
