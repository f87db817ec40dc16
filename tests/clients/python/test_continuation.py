"""A stream that breaks off is carried on by another provider: every client has the whole answer once, or an error."""

import re
import time
from collections.abc import Iterator

import pytest

from harness import couples
from harness.couples import Couple
from harness.dialects import pairs
from harness.sdks import FAILURES, TALKS, Told
from harness.waiting import until

# Some thirty words with what a seam may get wrong: white space of all kinds, escapes, letters of several bytes.
TEXT = (
    'I ask «Zürich» first:\n\t"both" \\ at  once. 它很好 🙂👩‍👩‍👧 and on and on and on,\n\n'
    "- one\n- two\n\nthen a last, long-winded word. So it ends here, and well."
)
SCRIPT = [{"says": TEXT}]
WORDS = len(TEXT.split(" "))
CALLERS = [(caller,) for caller in TALKS]
ROUTES = [(*pair, second) for pair in pairs(CALLERS) for caller, second in pairs(CALLERS) if caller == pair[0]]
PROMPT = "How is it in Zürich?"


@pytest.fixture(scope="module")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    with couples.standing(tmp_path_factory.mktemp("couple")) as built:
        yield built


def ask(couple: Couple, caller: str, model: str) -> Told | Exception:
    talk = TALKS[caller](couple.gateway.url(""), couple.key.secret, model)
    try:
        return talk.says("events", PROMPT)
    except FAILURES as error:
        return error


@pytest.mark.parametrize("way", couples.WAYS)
@pytest.mark.parametrize("caller, first, second", ROUTES)
def test_the_whole_answer_once_wherever_it_is_cut(couple: Couple, caller: str, first: str, second: str, way: str):
    couple.second.misbehave("honest", script=SCRIPT)
    since_ms, seen = time.time_ns() // 1_000_000, couple.second.seen()
    told: list[Told] = []
    for after in range(WORDS + 1):
        couple.first.misbehave(f"cut-after-{after}", script=SCRIPT)
        outcome = ask(couple, caller, f"{first}-{way}-{second}")
        assert isinstance(outcome, Told), f"after {after}: {outcome}"
        assert (outcome.text, outcome.end) == (TEXT, "stop"), f"after {after}"
        told.append(outcome)
    assert couple.second.seen() >= seen + WORDS, "each was really cut"

    charged = until(lambda: all_of(couple, since_ms, len(told)), 5, "every one is charged")
    # At 1 and 2 USD for a million tokens.
    assert sorted(charged) == sorted(1000 * one.input + 2000 * one.output for one in told)


def all_of(couple: Couple, since_ms: int, count: int) -> list[int] | None:
    charged = couple.charged_nano_usd(since_ms)
    return list(charged.values()) if len(charged) == count else None


@pytest.mark.parametrize("fault", ["reset-after-9", "end-after-9", "error-after-9", "stall-after-9"])
@pytest.mark.parametrize("caller", TALKS)
def test_however_it_breaks_off(couple: Couple, caller: str, fault: str):
    couple.first.misbehave(fault, script=SCRIPT)
    couple.second.misbehave("honest", script=SCRIPT)
    told = ask(couple, caller, "messages-prefill-chat")
    assert isinstance(told, Told) and told.text == TEXT, told


@pytest.mark.parametrize("caller, second", pairs(CALLERS))
class TestPrefill:
    """A first provider that is cut after 40 tokens, and a second that makes something else of a beginning."""

    def cut(self, couple: Couple, caller: str, second: str, nature: str) -> Told | Exception:
        couple.first.misbehave("words-60-cut-after-40")
        couple.second.misbehave(f"words-60-{nature}")
        seen = couple.second.seen()
        outcome = ask(couple, caller, f"chat-prefill-{second}")
        assert couple.second.seen() > seen, "it was asked"
        return outcome

    def test_that_is_refused_leads_to_the_same_answer_again(self, couple: Couple, caller: str, second: str):
        told = self.cut(couple, caller, second, "refuses-prefill")
        couple.first.misbehave("words-60")
        assert isinstance(told, Told), told
        assert told.text == ask(couple, caller, f"chat-prefill-{second}").text and len(told.text.split()) == 60

    def test_that_is_refused_by_another_model_ends_in_an_error_that_names_the_cut(
        self, couple: Couple, caller: str, second: str
    ):
        error = self.cut(couple, caller, second, "refuses-prefill-varied")
        assert isinstance(error, FAILURES), error
        assert re.search("broke off after about [0-9]+ tokens", str(error)), error
        assert not re.search(r"prefill|last role|user role|user message|\b400\b", str(error)), error

    def test_that_is_echoed_is_not_shown_twice(self, couple: Couple, caller: str, second: str):
        told = self.cut(couple, caller, second, "echoes-prefill")
        couple.first.misbehave("words-60")
        assert isinstance(told, Told), told
        assert told.text == ask(couple, caller, f"chat-prefill-{second}").text


@pytest.mark.parametrize("caller", TALKS)
def test_a_tool_call_is_never_carried_on(couple: Couple, caller: str):
    script = [{"says": "I ask.", "calls": [{"name": "weather", "arguments": {"city": "Zürich and Basel"}}]}]
    couple.first.misbehave("cut-after-4", script=script)
    couple.second.misbehave("honest", script=script)
    seen = couple.second.seen()
    outcome = ask(couple, caller, "chat-prefill-chat")
    assert isinstance(outcome, FAILURES) and couple.second.seen() == seen, outcome
