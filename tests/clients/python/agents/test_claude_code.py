"""Claude Code edits files through the gateway, at models that speak this dialect or another."""

import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import agents
from harness.agents import Workplace, claude_code
from harness.dialects import UPSTREAMS
from harness.tasks import DONE, NOTES, PROMPT, SETTINGS, Relay, Task, call
from harness.waiting import until

pytestmark = pytest.mark.skipif(not agents.INSTALLED, reason="no coding agents: see ./test --help")


def script_of(task: Task, meanwhile: str = "true") -> list[dict]:
    """The model's turns; the second runs `meanwhile` in the agent's shell."""
    both = f"cat {shlex.quote(str(task.notes))}; grep -n colour {shlex.quote(str(task.settings))}"
    return [
        {"says": "I read it first.", "calls": [call("Read", file_path=str(task.settings))]},
        {
            "expects": SETTINGS,
            "says": "Now I change it.",
            "calls": [call("Bash", command=f"echo meanwhile; {meanwhile}", description="Look around")],
        },
        {
            "expects": "meanwhile",
            "calls": [
                call("Edit", file_path=str(task.settings), old_string='"blue"', new_string='"red"'),
                call("Write", file_path=str(task.notes), content=NOTES),
            ],
        },
        {"expects": ["settings.toml", "notes.md"], "calls": [call("Bash", command=both, description="Look at both")]},
        {"expects": [line for line in NOTES.split("\n") if line] + ['120:colour = "red"'], "says": DONE},
    ]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace.under(tmp_path)


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_task_is_done(tmp_path: Path, place: Workplace, upstream: str):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave("cached-100", script=script_of(task))
        told = claude_code(place, relay.gateway, relay.key, "agents-team", PROMPT)
        assert (told["result"], told["is_error"], told["num_turns"]) == (DONE, False, 6), told
        task.is_done()

        records = relay.records()
        assert len(records) >= 5 and {record["outcome"] for record in records} == {"answered"}, records
        assert relay.rehearsals[1].seen() == 0
        # Usage and cost are in the records, and the agent was told the same of its own turns.
        for record in records:
            usage = record["usage"]
            nano = usage["input"] * 1000 + usage["cache_read"] * 1000 + usage["output"] * 2000
            assert usage["output"] > 0 and record["cost_nano"] == nano, record
        turns = told["usage"]
        own = [record["usage"] for record in records if record["usage"]["cache_read"] == 100][-5:]
        assert turns["output_tokens"] == sum(usage["output"] for usage in own), (turns, own)
        assert turns["cache_read_input_tokens"] == 500


@pytest.mark.parametrize("first, second", [(a, b) for a in UPSTREAMS for b in UPSTREAMS if a != b])
def test_a_provider_that_dies_in_the_middle_is_not_noticed(tmp_path: Path, place: Workplace, first: str, second: str):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, first, second)
        script = script_of(task, relay.meanwhile())
        for rehearsal in relay.rehearsals:
            rehearsal.misbehave("honest", script=script)
        told = claude_code(place, relay.gateway, relay.key, "agents-team", PROMPT)
        assert (told["result"], told["is_error"], told["num_turns"]) == (DONE, False, 6), told
        task.is_done()
        served = [record["deployment"].split("/")[0] for record in relay.records()]
        assert served.count("second") >= 3 and served == sorted(served), served
        assert {record["outcome"] for record in relay.records()} == {"answered"}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("fault", ["cut-after-event-6", "error-after-event-6"])
def test_a_stream_that_breaks_is_asked_for_again(tmp_path: Path, place: Workplace, upstream: str, fault: str):
    """What was shown cannot be taken back; the agent is told, and asks again."""
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave(f"{fault}-every-3", script=script_of(task))
        relay.rehearsals[1].misbehave("honest", script=script_of(task))
        told = claude_code(place, relay.gateway, relay.key, "agents-team", PROMPT)
        assert (told["result"], told["is_error"]) == (DONE, False), told
        task.is_done()
        until(lambda: {"cut", "failed"} & {record["outcome"] for record in relay.records()}, 5, "one broke")
