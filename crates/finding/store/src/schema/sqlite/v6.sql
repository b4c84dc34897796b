-- Sightings by who saw them, over all findings: counted as they come, since whoever watches asks every few seconds and
-- adding up `tally` takes longer than that is worth.
CREATE TABLE total (
    source TEXT    NOT NULL PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO total (source, count) SELECT source, sum(count) FROM tally GROUP BY source;
