-- Networks that keys are used from, and codes that are worth money.

ALTER TABLE api_keys ADD COLUMN networks TEXT; -- JSON list; NULL allows all

CREATE TABLE codes (
    id          TEXT PRIMARY KEY,
    hash        BLOB NOT NULL CHECK (length(hash) = 32), -- of the whole code, keyed with the pepper beside this file
    amount_nano INTEGER NOT NULL,
    currency    TEXT NOT NULL CHECK (currency IN ('usd', 'cny')),
    note        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    redeemed_at INTEGER,
    account     TEXT,    -- who redeemed it
    entry       INTEGER  -- and which entry it made
) STRICT, WITHOUT ROWID;
