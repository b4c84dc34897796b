-- How far somebody who is told of changes has been told.
CREATE TABLE cursor (
    reader TEXT    NOT NULL PRIMARY KEY,
    change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
