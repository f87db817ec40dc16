"""True answers of a real model that are cut at random and carried on: not a word twice, and none lost."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from harness import calls, tales
from harness.calls import Answer
from harness.cutting import Passed, Wire
from harness.gateway import Gateway
from harness.local_model import PROGRAM, LocalModel
from harness.rehearsal import Rehearsal
from harness.waiting import until

# The long form: 50 answers of 120 tokens.
ANSWERS = int(os.environ.get("ROUNDELAY_LOCAL_ANSWERS", "6"))
TOKENS = 120 if ANSWERS > 6 else 48
SEED = int(os.environ.get("ROUNDELAY_LOCAL_SEED", "1"))

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="no local model: see ROUNDELAY_LOCAL_MODEL in ./test --help"),
    pytest.mark.timeout(600 + 60 * ANSWERS),
]

CONFIGURATION = """
[routing.breaker]
consecutive = 10000
endpoint_consecutive = 10000
outcomes_min = 10000

[providers.one]
protocol = "openai"
base_url = "{one.base_url}"
api_keys = ["{key}"]
timeouts = {{ connect = "1s", first_content = "120s", idle = "120s" }}

[providers.two]
protocol = "openai"
base_url = "{two.base_url}"
api_keys = ["{key}"]
timeouts = {{ connect = "1s", first_content = "120s", idle = "120s" }}

[models]
one-small = {{ deployments = ["one/gemma"], attempts = 1, capabilities = {{ prefill = true }} }}
two-small = {{ deployments = ["two/gemma"], attempts = 1, capabilities = {{ prefill = true }} }}
two-plain = {{ deployments = ["two/gemma"], attempts = 1, capabilities = {{ prefill = false }} }}

[pools]
prefilled = {{ members = {{ one-small = 2, two-small = 1 }}, strategy = "priority", continuation = true, deadline = "300s" }}
asked-again = {{ members = {{ one-small = 2, two-plain = 1 }}, strategy = "priority", continuation = true, deadline = "300s" }}
"""

THINGS = [
    "the sea",
    "a train",
    "the moon",
    "bread",
    "a garden",
    "the wind",
    "an old clock",
    "a bridge",
    "winter",
    "a letter",
]


@dataclass
class Scene:
    """Two servers of one model, each behind a wire."""

    servers: list[LocalModel]
    wires: list[Wire]
    client: openai.OpenAI

    def ask(self, pool: str, about: str) -> Answer:
        return calls.stream(self.client, pool, f"Tell me about {about}.", max_tokens=TOKENS, temperature=0)

    def passed(self, since: list[int]) -> list[list[Passed]]:
        """What went over each wire."""
        return [wire.passed[before:] for wire, before in zip(self.wires, since, strict=True)]

    def now(self) -> list[int]:
        return [len(wire.passed) for wire in self.wires]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("seams")
    with ExitStack() as at_end:
        servers = [LocalModel(name, folder) for name in ("one", "two")]
        for server in servers:
            server.key = "seams-secret"
            at_end.callback(server.kill)
            server.start()
        wires = [Wire(server.port) for server in servers]
        for wire in wires:
            at_end.callback(wire.close)
        text = CONFIGURATION.format(one=wires[0], two=wires[1], key=servers[0].key)
        gateway = Gateway(folder, text, 'header_hold = "120s"')
        at_end.callback(gateway.kill)
        gateway.start()
        client = openai.OpenAI(base_url=gateway.url(), api_key=gateway.create_key().secret, max_retries=0, timeout=600)
        yield Scene(servers, wires, client)


@pytest.mark.parametrize("pool", ["prefilled", "asked-again"])
def test_no_word_is_said_twice_and_none_is_lost(scene: Scene, pool: str, capsys: pytest.CaptureFixture):
    dice, wholes, seams = random.Random(SEED), 0, 0
    for number in range(ANSWERS):
        about = f"{THINGS[number % len(THINGS)]}, {number}"
        before = scene.now()
        # An event of it is some 250 bytes.
        cut = scene.wires[0].cut_next = dice.randrange(1, 260 * TOKENS)
        answer = scene.ask(pool, about)
        case = f"seed {SEED}, answer {number}, cut after {cut} bytes: {answer.error!r}"
        [first, *retried], others = scene.passed(before)
        assert not (first.text and retried), f"who broke off is not asked again: {case}"
        agrees(case, answer, first, retried + others, is_prefill=pool == "prefilled")
        wholes += answer.error is None
        seams += answer.error is None and bool(first.text) and bool(others)
    with capsys.disabled():
        print(f"\n{pool}: {wholes} of {ANSWERS} whole, {seams} of them with a seam")
    assert wholes == ANSWERS or pool == "asked-again", "where a model goes on, every answer is whole"


def agrees(case: str, answer: Answer, first: Passed, others: list[Passed], is_prefill: bool) -> None:
    """What the caller saw is what the servers sent, once."""
    assert answer.error or answer.finish, f"quiet end: {case}"
    if not first.text or not others:
        sent = others[-1].text if others else first.text
        assert answer.error or answer.text == sent, case
        return
    [second] = others
    asked = second.request["messages"][-1]
    assert (asked["role"] == "assistant") == is_prefill, case
    if is_prefill:
        assert asked["content"].strip() == first.text.strip(), f"it was told what was shown: {case}"
        whole = first.text + second.text
    else:
        # What it says again is what was shown, or the stream ended there.
        assert answer.error or squeezed(second.text).startswith(squeezed(first.text)), case
        whole = second.text
    if answer.error:
        assert answer.text == first.text or whole.startswith(answer.text), case
    else:
        assert answer.text == whole or squeezed(answer.text) == squeezed(whole), f"{case}\n{answer.text!r}\n{whole!r}"


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_a_server_that_is_killed_is_carried_on(scene: Scene):
    before = scene.now()
    killed = threading.Event()

    def kill_in_the_middle() -> None:
        until(lambda: len(scene.wires[0].passed) > before[0], 60, "it is asked")
        until(lambda: len(scene.wires[0].passed[-1].text.split()) >= 8, 240, "it has begun")
        scene.servers[0].kill()
        killed.set()

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    answer = scene.ask("prefilled", "a storm at sea")
    killer.join(300)
    assert killed.is_set()
    scene.servers[0].start()
    [first], others = scene.passed(before)
    assert len(first.text.split()) >= 8 and others, "it was in the middle of it"
    agrees("killed", answer, first, others, is_prefill=True)
    answer.whole()


def test_what_survives_in_the_models_own_summary(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture):
    """A figure, not a promise: the model is a small base model that was never taught to sum up."""
    told = tales.tale(turns=12, facts=10, words=25)
    with ExitStack() as at_end:
        rehearsal = Rehearsal("both", tmp_path)
        at_end.callback(rehearsal.kill)
        rehearsal.start()
        gateway = Gateway(tmp_path, SUMMED_UP.format(origin=rehearsal.origin, one=scene.servers[1]))
        at_end.callback(gateway.kill)
        gateway.start()
        client = openai.OpenAI(base_url=gateway.url(), api_key=gateway.create_key().secret, max_retries=0)
        ask = lambda told: client.chat.completions.with_raw_response.create(
            model="team", messages=tales.as_chat(told), max_completion_tokens=100
        )
        # A summary is made of what is seen to grow.
        for so_far in (tales.Tale(told.turns[:-1], told.facts), told):
            assert ask(so_far).headers["x-roundelay-handover"] == "none"
        is_made = lambda: [record for record in gateway.records() if record["deployment"] == "one/gemma"]
        [made] = until(is_made, 300, "a summary was tried")
        rehearsal.teach("wide", scenario="503")
        kind = ask(told).headers["x-roundelay-handover"]
        survived = told.known_to(tales.texts(rehearsal.last_body()))
        with capsys.disabled():
            print(f"\nlocal model ({made['outcome']}): {survived} of {len(told.facts)} facts with a {kind}")
        assert kind in ("summary", "extract")


SUMMED_UP = """
[handover]
summariser = "scribe"
after = 1000
verbatim = 500
summary_max = 400
deadline = "280s"

[providers.rehearsed]
protocol = "openai"
base_url = "{origin}/v1"
api_keys = ["any"]

[providers.one]
protocol = "openai"
base_url = "{one.base_url}"
api_keys = ["{one.key}"]
timeouts = {{ first_content = "240s", idle = "240s", total = "280s" }}

[models]
wide = {{ deployments = ["rehearsed/wide"], attempts = 1, context_window = 100000 }}
narrow = {{ deployments = ["rehearsed/narrow"], attempts = 1, context_window = 2000 }}
scribe = {{ deployments = ["one/gemma"], context_window = 2000 }}

[pools]
team = {{ members = {{ wide = 2, narrow = 1 }}, strategy = "priority" }}
"""
