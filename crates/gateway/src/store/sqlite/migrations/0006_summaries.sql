-- Summaries of conversations, sealed: without the operator's key they are noise.

CREATE TABLE summaries (
    prefix     BLOB PRIMARY KEY CHECK (length(prefix) = 32), -- keyed hash of the turns that it stands for
    account    TEXT NOT NULL,    -- whose conversation it is
    made_at    INTEGER NOT NULL, -- unix milliseconds
    expires_at INTEGER NOT NULL, -- unix seconds
    sealed     BLOB NOT NULL     -- a nonce, and the text under AES-256-GCM
) STRICT, WITHOUT ROWID;

CREATE INDEX summaries_by_age ON summaries (made_at);
CREATE INDEX summaries_by_end ON summaries (expires_at);
