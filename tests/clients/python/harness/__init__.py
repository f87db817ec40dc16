"""Starts the real binary and talks to it the way applications do."""
