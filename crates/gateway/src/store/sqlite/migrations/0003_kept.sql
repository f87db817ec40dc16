-- What is kept, and what is found without reading all of an hour.

CREATE INDEX entries_key ON entries (api_key) WHERE api_key IS NOT NULL;
CREATE INDEX exchanges_key ON exchanges (api_key);
CREATE INDEX exchanges_account ON exchanges (account);
-- All but the many.
CREATE INDEX exchanges_ended ON exchanges (outcome) WHERE outcome <> 'answered';

-- The first hour that is kept; what is before it is known by the day alone.
INSERT INTO meta (name, value) VALUES ('usage_hours_begin', 0);
