-- What a hunt, or a catch, came to.
CREATE TABLE campaign (
    id      TEXT    NOT NULL PRIMARY KEY,
    kind    TEXT    NOT NULL,
    service TEXT    NOT NULL,
    host    TEXT    NOT NULL,
    started INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    found   TEXT    NOT NULL, -- JSON array of {id, new, regressed}
    figures TEXT    NOT NULL  -- JSON array of [name, value]
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_ended ON campaign (ended);
