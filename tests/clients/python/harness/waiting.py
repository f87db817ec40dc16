"""Waits for facts with a deadline, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def until(fact: Callable[[], Fact], within_s: float, what: str) -> Fact:
    """Returns the first true value of `fact`; fails with the last thing it said once `within_s` have passed."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = fact()
            if last:
                return last
        except OSError as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s} s, last: {last!r}")
