-- Jobs that a race-built worker was at when it reported; the latest few of each finding.
CREATE TABLE job (
    id       INTEGER PRIMARY KEY,
    finding  INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    sighting TEXT    NOT NULL, -- its key
    at       INTEGER NOT NULL,
    queue    TEXT    NOT NULL,
    name     TEXT    NOT NULL, -- its id, as its broker writes it
    kind     TEXT    NOT NULL, -- '' where it has none
    among    INTEGER NOT NULL, -- how many were under way
    UNIQUE (finding, sighting, queue, name)
) STRICT;
