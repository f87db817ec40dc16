"""A stream that ends after each of its events: every client sees the whole answer or an error, never a quiet end."""

import time
from collections.abc import Iterator

import pytest

from harness import dialects
from harness.dialects import House, pairs
from harness.sdks import FAILURES, TALKS, WAYS, Told
from harness.waiting import until

# Text, thoughts and two calls whose arguments must not mix; streams of 25 to 60 events.
SCRIPT = [
    {
        "says": "I ask both.",
        "calls": [
            {"name": "weather", "arguments": {"city": "Zürich and Basel"}},
            {"name": "clock", "arguments": {"zone": "Asia/Shanghai"}},
        ],
    }
]
STREAMS = {"gemini": ("events", "helper-events")}
STREAMED = [(caller, way) for caller, way in WAYS if way in STREAMS.get(caller, ("events", "helper"))]
EVENTS_MAX = 100


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with dialects.standing(tmp_path_factory.mktemp("house")) as built:
        yield built


@pytest.mark.parametrize("fault", ["cut", "end", "error"])
@pytest.mark.parametrize("caller, way, upstream", pairs(STREAMED))
def test_a_whole_answer_or_an_error(house: House, caller: str, way: str, upstream: str, fault: str):
    whole = ask(house, caller, way, upstream, "honest")
    assert isinstance(whole, Told) and len(whole.calls) == 2, whole
    seen, since_ms = house.rehearsal.seen(), time.time_ns() // 1_000_000
    outcomes: list[Told | Exception] = []
    # Past the last event the fault finds nothing to break.
    while not (len(outcomes) > 3 and all(isinstance(outcome, Told) for outcome in outcomes[-3:])):
        assert len(outcomes) < EVENTS_MAX, "it never came to its end"
        outcomes.append(ask(house, caller, way, upstream, f"{fault}-after-event-{len(outcomes)}"))
    assert house.rehearsal.seen() == seen + len(outcomes), "each was really asked"
    told = [outcome for outcome in outcomes if isinstance(outcome, Told)]
    assert all(said(answer) == said(whole) for answer in told), told
    failed = [after for after, outcome in enumerate(outcomes) if not isinstance(outcome, Told)]
    assert failed == list(range(len(failed))) and len(failed) > 10, "broken until its end has come, and whole after"

    records = until(lambda: all_of(house, since_ms, len(outcomes)), 5, "every one is in the records")
    ends = [record["outcome"] for record in records]
    assert ends.count("answered") == len(told), "and the records agree with what was seen"


def said(told: Told) -> tuple:
    """Without usage: a chat stream that ends between its finish reason and its usage is whole, and not counted."""
    return told.text, told.thought, told.calls, told.end


def all_of(house: House, since_ms: int, count: int) -> list[dict] | None:
    records = house.gateway.records(since_ms=since_ms)
    return records if len(records) == count else None


def ask(house: House, caller: str, way: str, upstream: str, scenario: str) -> Told | Exception:
    house.rehearsal.misbehave(f"reasoning-2-{scenario}" if scenario != "honest" else "reasoning-2", script=SCRIPT)
    talk = TALKS[caller](house.gateway.url(""), house.key.secret, upstream)
    try:
        return talk.says(way, "How is it in Zürich and Basel, and how late in Shanghai?")
    except FAILURES as error:
        return error
