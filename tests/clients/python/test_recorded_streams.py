"""Every recorded stream, broken off after its events: the official clients see all of it or an error.

`ROUNDELAY_EVERY_CUT=1` breaks each off after every one of its events, for every caller, which takes half an hour of a
processor's time. `ROUNDELAY_EVERY_CUT=turns` does so with streams of up to 130 events, and breaks longer ones off where
an event of another shape comes and every 32 events. Otherwise two of the callers hear each of them, with a few
cuts, drawn by `ROUNDELAY_SEED`.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from harness import recorded
from harness.hearing import CALLERS, FAILURES, Heard
from harness.player import FAULTS
from harness.recorded import DATA, DIALECTS, Recording, Studio

EVERY = os.environ.get("ROUNDELAY_EVERY_CUT", "")
SEED = int(os.environ.get("ROUNDELAY_SEED", "1"))

pytestmark = [
    pytest.mark.skipif(not DATA, reason="no recordings: see ROUNDELAY_TEST_DATA in ./test --help"),
    pytest.mark.timeout(7200 if EVERY else 120),
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with recorded.standing(tmp_path_factory.mktemp("studio")) as built:
        yield built


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_stream_that_breaks_off_is_whole_or_an_error(studio: Studio, caller: str, upstream: str):
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    for recording in studio.recordings:
        if recording.dialect == upstream and is_heard(caller, recording):
            try:
                hear_broken(studio, caller, recording, ends)
            except AssertionError as fault:
                wrong.append(str(fault))
    # Shown by `pytest -rP`.
    print(f"{caller} at {upstream}: {ends.total()} cuts, {ends['error']} errors, {ends['whole']} wholes")
    assert not wrong, f"{len(wrong)} recordings, seed {SEED}:\n" + "\n\n".join(wrong)
    assert ends["error"] and (ends["whole"] or not EVERY)


def hear_broken(studio: Studio, caller: str, recording: Recording, ends: Counter[str]) -> None:
    """Counts how its cuts ended."""
    heard_whole = {is_helper: whole_of(studio, caller, recording, is_helper) for is_helper in ways(caller, recording)}
    # What a helper cannot read with nothing between is heard by hand.
    wholes = {is_helper: whole for is_helper, whole in heard_whole.items() if whole.is_whole}
    wholes = wholes or {False: whole_of(studio, caller, recording, is_helper=False)}
    played, cuts = studio.played(), cuts_of(caller, recording)
    for after in cuts:
        is_helper = [*wholes][(after // len(FAULTS) + recording.number) % len(wholes)]
        fault = FAULTS[(after + recording.number) % len(FAULTS)]
        prompt = recording.broken(after, fault, is_late=(after + recording.number) % 4 == 0)
        heard = studio.hearing.hear(caller, is_helper, f"at-{recording.dialect}", prompt)
        agrees(f"{recording.name}, {caller}, helper {is_helper}, {prompt!r}", heard, wholes[is_helper])
        assert after or heard.error, f"an answer of nothing: {recording.name}, {caller}"
        ends["error" if heard.error else "whole"] += 1
    assert studio.played() == played + len(cuts), "each was really asked"


def agrees(case: str, heard: Heard, whole: Heard) -> None:
    case = f"{case}\n{heard}\nof {whole}"
    assert heard.error or heard.end, f"quiet end: {case}"
    if heard.error:
        assert isinstance(heard.error, FAILURES), case
        assert heard.begins(whole), f"not its beginning: {case}"
    else:
        assert heard.says() == whole.says(), f"less than the whole, without an error: {case}"


def is_heard(caller: str, recording: Recording) -> bool:
    """In the short form two of the callers hear each."""
    return bool(EVERY) or (list(CALLERS).index(caller) + recording.number + SEED) % 2 == 0


def ways(caller: str, recording: Recording) -> list[bool]:
    """With the client's own helper, by hand, or both."""
    return [False, True] if EVERY else [(list(CALLERS).index(caller) + recording.number // 2) % 2 == 0]


def cuts_of(caller: str, recording: Recording) -> list[int]:
    """After how many events it is broken off."""
    if EVERY == "turns" and recording.events > 130:
        return sorted({*recording.turns, *range(0, recording.events, 32), recording.events} - {recording.events + 1})
    if EVERY:
        return [*range(recording.events + 1)]
    dice = random.Random(f"{SEED} {caller} {recording.name}")
    # Where it begins, where it ends, and somewhere.
    near = {dice.randrange(min(recording.events, 12)), recording.events - dice.randrange(min(recording.events, 4))}
    return sorted(near | {dice.randrange(recording.events)})


def whole_of(studio: Studio, caller: str, recording: Recording, is_helper: bool) -> Heard:
    """What is heard of all of it."""
    heard = studio.hearing.hear(caller, is_helper, f"at-{recording.dialect}", recording.play())
    case = f"{recording.name}, {caller}, helper {is_helper}: {heard}"
    if caller != recording.dialect:
        assert heard.is_whole, case
        return heard
    # The same bytes: what a client cannot read of them it cannot read with nothing between, either.
    direct = studio.direct.hear(caller, is_helper, "recorded", recording.play())
    assert heard.says() == direct.says() and type(heard.error) is type(direct.error), f"{case}, but directly {direct}"
    assert heard.is_whole or is_helper, case
    return heard
