"""Codex changes files through the gateway, by events and by WebSocket, at models that speak another dialect."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import agents, tales
from harness.agents import Workplace, codex
from harness.dialects import UPSTREAMS
from harness.tasks import DONE, NOTES, PROMPT, SETTINGS, Relay, Task, call

pytestmark = pytest.mark.skipif(not agents.INSTALLED, reason="no coding agents: see ./test --help")

PATCH = """apply_patch <<'PATCH'
*** Begin Patch
*** Update File: settings.toml
@@
-colour = "blue"
+colour = "red"
*** End Patch
PATCH
"""


def script_of(meanwhile: str = "true") -> list[dict]:
    """The model's turns; the second runs `meanwhile` in the agent's shell."""
    return [
        {"says": "I read it first.", "calls": [call("exec_command", cmd="cat settings.toml")]},
        {
            "expects": SETTINGS,
            "says": "Now I change it.",
            "calls": [call("exec_command", cmd=f"echo meanwhile; {meanwhile}")],
        },
        {
            "expects": "meanwhile",
            "calls": [
                call("exec_command", cmd=PATCH),
                call("exec_command", cmd=f"cat > notes.md <<'NOTES'\n{NOTES}NOTES\n"),
            ],
        },
        {"calls": [call("exec_command", cmd="cat notes.md; grep -n colour settings.toml")]},
        {"expects": [line for line in NOTES.split("\n") if line] + ['120:colour = "red"'], "says": DONE},
    ]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace.under(tmp_path)


@pytest.mark.parametrize("is_websocket", [False, True])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_task_is_done(tmp_path: Path, place: Workplace, upstream: str, is_websocket: bool):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave("cached-100", script=script_of())
        events = said(codex(place, relay.gateway, relay.key, "agents-team", PROMPT, is_websocket).stdout)
        assert last_message(events) == DONE, events
        task.is_done()
        records = relay.records()
        # By WebSocket a warm-up comes first, which asks nobody.
        turns = [record for record in records if record["usage"]["output"]]
        assert len(turns) == 5 and {record["outcome"] for record in records} == {"answered"}, records
        usage = events[-1]["usage"]
        assert usage["output_tokens"] == sum(record["usage"]["output"] for record in turns)
        assert usage["cached_input_tokens"] == 500
        for record in turns:
            tokens = record["usage"]
            assert record["cost_nano"] == (tokens["input"] + tokens["cache_read"]) * 1000 + tokens["output"] * 2000


@pytest.mark.parametrize("is_websocket", [False, True])
@pytest.mark.parametrize("first, second", [(a, b) for a in UPSTREAMS for b in UPSTREAMS if a != b])
def test_a_provider_that_dies_in_the_middle_is_not_noticed(
    tmp_path: Path, place: Workplace, first: str, second: str, is_websocket: bool
):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, first, second)
        for rehearsal in relay.rehearsals:
            rehearsal.misbehave("honest", script=script_of(relay.meanwhile()))
        events = said(codex(place, relay.gateway, relay.key, "agents-team", PROMPT, is_websocket).stdout)
        assert last_message(events) == DONE, events
        task.is_done()
        served = [record["deployment"].split("/")[0] for record in relay.records() if record["usage"]["output"]]
        assert served == ["first"] * 2 + ["second"] * 3


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("fault", ["cut-after-event-3", "error-after-event-3"])
def test_a_stream_that_breaks_is_asked_for_again(tmp_path: Path, place: Workplace, upstream: str, fault: str):
    """What was shown cannot be taken back: at its pace, some was. The agent is told, and asks again."""
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave(f"{fault}-every-2", script=script_of(), word_ms=20)
        relay.rehearsals[1].misbehave("honest", script=script_of())
        events = said(codex(place, relay.gateway, relay.key, "agents-team", PROMPT, False).stdout)
        assert last_message(events) == DONE, events
        task.is_done()


@pytest.mark.parametrize("is_websocket", [False, True])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_conversation_is_compacted_and_goes_on(
    tmp_path: Path, place: Workplace, upstream: str, is_websocket: bool
):
    """Codex lets a provider of OpenAI's name compact, in the middle of a task, and goes on from its item."""
    task = Task(place.folder)
    # The step is counted by the calls that the model sees: after the compaction it is the first one again.
    look = "test -f seen && sed -i s/blue/red/ settings.toml || { touch seen; cat settings.toml; }"
    script = [{"says": "I look.", "calls": [call("exec_command", cmd=look)]}, {"says": DONE}]
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave("honest", script=script)
        few = 3450
        run = codex(
            place,
            relay.gateway,
            relay.key,
            "agents-team",
            PROMPT,
            is_websocket,
            name="OpenAI",
            model_context_window=20000,
            model_auto_compact_token_limit=few,
        )
        events = said(run.stdout)
        assert last_message(events) == DONE, events
        assert task.settings.read_text() == "\n".join(SETTINGS).replace("blue", "red") + "\n"
        turns = [record["usage"]["input"] for record in relay.records() if record["usage"]["output"]]
        # Once before it, the compaction itself, and twice from what it gave.
        assert len(turns) == 4 and turns[-1] < few, turns
        told = tales.texts(relay.rehearsals[0].last_body())
        assert "Notes of the conversation so far" in told and "rlc1-" not in told


def said(output: str) -> list[dict]:
    """The events it printed."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def last_message(events: list[dict]) -> str:
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"][-1]
