-- Accounts, keys, exchanges, and single values.

CREATE TABLE accounts (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('postpaid', 'prepaid')),
    created_at INTEGER NOT NULL -- unix seconds, as are all columns ending in _at
) STRICT, WITHOUT ROWID;

-- A newcomer is not stopped: this account has no balance to run out of.
INSERT INTO accounts (id, name, kind, created_at) VALUES ('default', 'default', 'postpaid', unixepoch());

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES accounts (id),
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL CHECK (length(hash) = 32), -- of the whole key, keyed with the pepper beside this file
    allowed    TEXT,                                    -- JSON list of models and pools; NULL allows all
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- One row an exchange, in the order of its rowid: an insert appends to one page.
CREATE TABLE exchanges (
    id               INTEGER PRIMARY KEY,
    started_at_ms    INTEGER NOT NULL,
    duration_us      INTEGER NOT NULL,
    first_content_us INTEGER,
    account          TEXT NOT NULL,
    api_key          TEXT NOT NULL,
    asked            TEXT NOT NULL,
    deployment       TEXT,
    model            TEXT,
    status           INTEGER NOT NULL,
    outcome          TEXT NOT NULL,
    failure          TEXT,
    stream           INTEGER NOT NULL,
    input            INTEGER NOT NULL,
    cache_read       INTEGER NOT NULL,
    cache_write      INTEGER NOT NULL,
    output           INTEGER NOT NULL,
    reasoning        INTEGER NOT NULL,
    estimated        INTEGER NOT NULL,
    cost_nano        INTEGER,
    attempts         TEXT NOT NULL, -- JSON list
    decision         TEXT NOT NULL  -- JSON
) STRICT;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Counting ten million rows reads them all; this is kept in the transaction that inserts them.
INSERT INTO meta (name, value) VALUES ('exchanges', 0);
