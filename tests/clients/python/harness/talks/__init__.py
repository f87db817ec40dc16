"""One file a client: how it asks, and what it tells."""
