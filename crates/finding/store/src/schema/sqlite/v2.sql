-- What a finding is searched by, in small letters; apart from `finding`, so that a list does not read it.
CREATE TABLE search (
    finding INTEGER PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    words   TEXT    NOT NULL
) STRICT;

INSERT INTO search (finding, words)
SELECT id, lower(fingerprint || ' ' || title || coalesce((
    SELECT group_concat(' ' || node.atom, '') FROM evidence, json_tree(evidence.text) AS node
    WHERE evidence.finding = finding.id AND evidence.role = 'sample' AND node.key IN ('headline', 'function', 'file')
), '')) FROM finding;

-- Sightings by the hour (hours since 1970, UTC), for plots.
CREATE TABLE activity (
    finding INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    hour    INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (finding, hour)
) STRICT, WITHOUT ROWID;

INSERT INTO activity (finding, hour, count)
SELECT finding, at / 3600000, count(*) FROM sighting GROUP BY 1, 2;
