-- What is kept, and entries by key.

CREATE INDEX entries_key ON entries (api_key) WHERE api_key IS NOT NULL;

-- The first hour that is kept; what is before it is known by the day alone.
INSERT INTO meta (name, value) VALUES ('usage_hours_begin', 0);
