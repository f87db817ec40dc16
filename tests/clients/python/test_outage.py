"""A provider that is gone for a minute under steady traffic."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import stage as stages
from harness.calls import Answer
from harness.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """With the breaker's own timing."""
    with stages.standing(tmp_path, routing="") as built:
        yield built


@pytest.mark.skipif(os.environ.get("ROUNDELAY_FAST") == "1", reason="--fast leaves out the outage of a full minute")
def test_a_minute_without_a_provider_is_not_noticed(stage: Stage):
    assert provider(stage.stream().whole()) == "alpha"

    stage.alpha.kill()
    during = list(calls_every_4_s(stage, for_s=60))
    assert {provider(answer) for answer in during} == {"beta"} and len(during) >= 14
    in_vain = sum(answer.attempts - 1 for answer in during)
    assert in_vain <= 10, f"{in_vain} attempts at a provider that was down: the breaker limits them"

    stage.alpha.start()
    # Its breaker may just have opened for the third time: 40 s, give or take a fifth.
    assert any(provider(answer) == "alpha" for answer in calls_every_4_s(stage, for_s=56)), "back after one open period"


def calls_every_4_s(stage: Stage, for_s: float) -> Iterator[Answer]:
    ends = time.monotonic() + for_s
    while time.monotonic() < ends:
        due = time.monotonic() + 4
        yield stage.stream().whole()
        time.sleep(max(0.0, due - time.monotonic()))


def provider(answer: Answer) -> str:
    return answer.deployment.split("/")[0]
