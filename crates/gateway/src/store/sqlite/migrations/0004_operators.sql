-- Who may act on the operator's side, and what was done there.

CREATE TABLE operators (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    account    TEXT REFERENCES accounts (id),           -- limited to it and all below it; NULL is not limited
    hash       BLOB NOT NULL CHECK (length(hash) = 32), -- of the whole token, keyed with the pepper beside this file
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- The one token that there was before: the next start makes the first owner, and shows its token once.
DELETE FROM meta WHERE name = 'admin_token_hash';

-- Written before an act is done, and told done in its transaction: one that stays begun was not done.
CREATE TABLE acts (
    number   INTEGER PRIMARY KEY,
    at_us    INTEGER NOT NULL, -- unix microseconds
    operator TEXT,             -- NULL for whoever opened the socket or the folder
    who      TEXT NOT NULL,    -- the operator's name, or 'socket' or 'command'
    act      TEXT NOT NULL,
    object   TEXT,
    account  TEXT,             -- whose operators may read of it, besides those who may read everything
    outcome  TEXT NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
    detail   TEXT              -- JSON
) STRICT;

CREATE INDEX acts_account ON acts (account) WHERE account IS NOT NULL;
-- Refusals alone are forgotten, since whoever is refused can ask again and again.
CREATE INDEX acts_refused ON acts (outcome) WHERE outcome = 'refused';
