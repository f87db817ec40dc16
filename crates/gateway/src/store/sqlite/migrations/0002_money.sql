-- Accounts as a tree with terms, limits of keys, transfers of money, attempts in doubt, and usage by the hour.

-- Both are made again, because what an account may be is wider now; the names in references follow a renamed table.
CREATE TABLE accounts_wider (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL CHECK (kind IN ('postpaid', 'prepaid', 'inherits')),
    created_at       INTEGER NOT NULL,
    parent           TEXT REFERENCES accounts_wider (id),
    currency         TEXT NOT NULL CHECK (currency IN ('usd', 'cny')),
    credit_line_nano INTEGER NOT NULL, -- nano-units of the currency, as are all columns of this name but for usd
    multiplier       INTEGER NOT NULL, -- millionths
    limits           TEXT,             -- JSON; NULL does not limit
    closed           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO accounts_wider
SELECT id, name, kind, created_at, NULL, 'usd', 0, 1000000, NULL, 0 FROM accounts;

CREATE TABLE api_keys_wider (
    id            TEXT PRIMARY KEY,
    account       TEXT NOT NULL REFERENCES accounts_wider (id),
    name          TEXT NOT NULL,
    hash          BLOB NOT NULL CHECK (length(hash) = 32), -- of the whole key, keyed with the pepper beside this file
    allowed       TEXT,                                    -- JSON list of models and pools; NULL allows all
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    revoked_at    INTEGER,
    limits        TEXT,                                    -- JSON; NULL does not limit
    on_disconnect TEXT CHECK (on_disconnect IN ('cancel', 'drain'))
) STRICT, WITHOUT ROWID;

INSERT INTO api_keys_wider
SELECT id, account, name, hash, allowed, created_at, expires_at, revoked_at, NULL, NULL FROM api_keys;

DROP TABLE api_keys;
DROP TABLE accounts;
ALTER TABLE accounts_wider RENAME TO accounts;
ALTER TABLE api_keys_wider RENAME TO api_keys;
CREATE INDEX accounts_parent ON accounts (parent) WHERE parent IS NOT NULL;

-- Numbered without gaps, never changed, never deleted. What an account has is the balance of its last one.
CREATE TABLE entries (
    sequence    INTEGER PRIMARY KEY,
    at_us       INTEGER NOT NULL, -- unix microseconds
    kind        TEXT NOT NULL,
    account     TEXT,             -- NULL for losses, which the house bears
    change_nano INTEGER NOT NULL,
    currency    TEXT NOT NULL,
    usd_nano    INTEGER NOT NULL,
    rate        INTEGER NOT NULL, -- millionths of a yuan for a dollar
    multiplier  INTEGER NOT NULL, -- millionths
    exchange    INTEGER,
    attempt     INTEGER NOT NULL,
    api_key     TEXT,
    price       INTEGER,          -- all 64 bits, so that half of them are below zero
    held_nano   INTEGER NOT NULL,
    overrun     TEXT,
    estimated   INTEGER NOT NULL,
    reason      TEXT,
    idempotency TEXT,
    balance     INTEGER NOT NULL  -- nano-units after it; 0 without an account
) STRICT;

CREATE INDEX entries_account ON entries (account) WHERE account IS NOT NULL;
CREATE UNIQUE INDEX entries_idempotency ON entries (idempotency) WHERE idempotency IS NOT NULL;
-- All but the charges, of which alone there are many.
CREATE INDEX entries_acts ON entries (kind) WHERE kind <> 'charge';

-- Between which numbers lie the rows of an hour (unix time / 3,600 s): time is found without an index on it.
CREATE TABLE entry_hours (
    hour  INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

CREATE TABLE exchange_hours (
    hour  INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

INSERT INTO exchange_hours
SELECT started_at_ms / 3600000, min(id), max(id) FROM exchanges GROUP BY 1;

-- Attempts that were sent, and of whose exchange there is no record.
CREATE TABLE in_doubt (
    exchange        INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    at_us           INTEGER NOT NULL,
    api_key         TEXT NOT NULL,
    deployment      TEXT NOT NULL,
    price           INTEGER,
    multiplier      INTEGER NOT NULL,
    rate            INTEGER NOT NULL,
    held_parts      TEXT NOT NULL, -- 10⁻¹⁵ USD, beyond 64 bits
    delivered_parts TEXT NOT NULL,
    PRIMARY KEY (exchange, attempt)
) STRICT, WITHOUT ROWID;

-- Those that were in doubt and are no longer: none is asked about, or charged, twice.
CREATE TABLE resolved (
    exchange INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    entered  INTEGER NOT NULL, -- whether entries were made for it
    PRIMARY KEY (exchange, attempt)
) STRICT, WITHOUT ROWID;

-- What was used and charged in each hour, added up in the transaction that adds it.
CREATE TABLE usage_hours (
    hour            INTEGER NOT NULL, -- unix time / 3,600 s: of the start for exchanges, of the entry for money
    account         TEXT NOT NULL,
    api_key         TEXT NOT NULL,
    model           TEXT NOT NULL,    -- '' without one, here and below
    deployment      TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    exchanges       INTEGER NOT NULL,
    unpriced        INTEGER NOT NULL, -- how many showed an answer of unknown cost
    estimated       INTEGER NOT NULL, -- how many of whose tokens are our own count
    input           INTEGER NOT NULL,
    cache_read      INTEGER NOT NULL,
    cache_write     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    cost_nano       INTEGER NOT NULL, -- USD at list price
    usd_nano        INTEGER NOT NULL, -- charged to accounts in USD
    cny_nano        INTEGER NOT NULL, -- charged to accounts in CNY
    cny_as_usd_nano INTEGER NOT NULL, -- the same in USD
    lost_nano       INTEGER NOT NULL, -- USD that the house bore
    PRIMARY KEY (hour, account, api_key, model, deployment, outcome)
) STRICT, WITHOUT ROWID;

-- The same of whole days that were over when they were added up; what comes late for these is added to both.
CREATE TABLE usage_days (
    hour            INTEGER NOT NULL, -- the first of the day, in UTC
    account         TEXT NOT NULL,
    api_key         TEXT NOT NULL,
    model           TEXT NOT NULL,
    deployment      TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    exchanges       INTEGER NOT NULL,
    unpriced        INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    input           INTEGER NOT NULL,
    cache_read      INTEGER NOT NULL,
    cache_write     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    cost_nano       INTEGER NOT NULL,
    usd_nano        INTEGER NOT NULL,
    cny_nano        INTEGER NOT NULL,
    cny_as_usd_nano INTEGER NOT NULL,
    lost_nano       INTEGER NOT NULL,
    PRIMARY KEY (hour, account, api_key, model, deployment, outcome)
) STRICT, WITHOUT ROWID;

-- The first hour of the first day that is not added up yet.
INSERT INTO meta (name, value) VALUES ('usage_days_end', 0);

INSERT INTO usage_hours
SELECT started_at_ms / 3600000, account, api_key, coalesce(model, ''), coalesce(deployment, ''), outcome,
       count(*), sum(cost_nano IS NULL AND model IS NOT NULL), sum(estimated),
       cast(total(min(input, 1 << 40)) AS INTEGER), cast(total(min(cache_read, 1 << 40)) AS INTEGER),
       cast(total(min(cache_write, 1 << 40)) AS INTEGER), cast(total(min(output, 1 << 40)) AS INTEGER),
       cast(total(min(reasoning, 1 << 40)) AS INTEGER),
       cast(total(min(max(cost_nano, 0), 1 << 47)) AS INTEGER), 0, 0, 0, 0
FROM exchanges GROUP BY 1, 2, 3, 4, 5, 6;
