"""Claude Code edits files through the gateway, at models that speak this dialect or another."""

import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import agents, dialects
from harness.agents import Workplace, claude_code
from harness.dialects import UPSTREAMS
from harness.gateway import Gateway, Key
from harness.rehearsal import Rehearsal
from harness.waiting import until

pytestmark = pytest.mark.skipif(not agents.INSTALLED, reason="no coding agents: see ./test --help")

SETTINGS = [f'key_{number:03} = "Zürich\\t{number}"' for number in range(1, 120)] + ['colour = "blue"', 'end = "„…“"']
NOTES = 'The colour is "red" now.\n\n\tIt was \\blue\\ before; 它曾是蓝色。\n'
DONE = "The colour is red now, and notes.md says so."
PROMPT = "Make the colour in settings.toml red, and note it in notes.md."


class Task:
    """A task for an agent, and the script of a model that does it in four turns."""

    def __init__(self, folder: Path):
        self.settings, self.notes = folder / "settings.toml", folder / "notes.md"
        self.settings.write_text("\n".join(SETTINGS) + "\n")

    def script(self, meanwhile: str = "true") -> list[dict]:
        """The model's turns; the second runs `meanwhile` in the agent's shell."""
        both = f"cat {shlex.quote(str(self.notes))}; grep -n colour {shlex.quote(str(self.settings))}"
        return [
            {"says": "I read it first.", "calls": [call("Read", file_path=str(self.settings))]},
            {
                "expects": SETTINGS,
                "says": "Now I change it.",
                "calls": [call("Bash", command=f"echo meanwhile; {meanwhile}", description="Look around")],
            },
            {
                "expects": ["meanwhile"],
                "calls": [
                    call("Edit", file_path=str(self.settings), old_string='"blue"', new_string='"red"'),
                    call("Write", file_path=str(self.notes), content=NOTES),
                ],
            },
            {
                "expects": ["settings.toml", "notes.md"],
                "calls": [call("Bash", command=both, description="Look at both")],
            },
            {"expects": [line for line in NOTES.split("\n") if line] + ['120:colour = "red"'], "says": DONE},
        ]

    def is_done(self) -> None:
        """The files are what the model wanted them to be, to the byte."""
        assert self.settings.read_text() == "\n".join(SETTINGS).replace("blue", "red") + "\n"
        assert self.notes.read_text() == NOTES


def call(name: str, **arguments: object) -> dict:
    return {"name": name, "arguments": arguments}


class House:
    """Two providers, each of a dialect of its own, behind a pool that asks `first` as long as it can."""

    def __init__(self, at_end: ExitStack, folder: Path, first: str, second: str):
        self.rehearsals = [Rehearsal("first", folder), Rehearsal("second", folder)]
        for rehearsal in self.rehearsals:
            at_end.callback(rehearsal.kill)
            rehearsal.start()
        places = zip((first, second), ("first", "second"), self.rehearsals, strict=True)
        text = "".join(dialects.provider(dialect, name, rehearsal.origin) for dialect, name, rehearsal in places)
        text += '[pools.claude-team]\nmembers = ["first", "second"]\nstrategy = "priority"\n'
        self.gateway = Gateway(folder, text)
        at_end.callback(self.gateway.kill)
        self.gateway.start()
        self.key: Key = self.gateway.create_key()

    def records(self) -> list[dict]:
        """Oldest first."""
        return self.gateway.records()[::-1]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace.under(tmp_path)


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_task_is_done(tmp_path: Path, place: Workplace, upstream: str):
    task = Task(place.folder)
    with ExitStack() as at_end:
        house = House(at_end, tmp_path, upstream, upstream)
        house.rehearsals[0].misbehave("cached-100", script=task.script())
        told = claude_code(place, house.gateway, house.key, "claude-team", PROMPT)
        assert (told["result"], told["is_error"], told["num_turns"]) == (DONE, False, 6), told
        task.is_done()

        records = house.records()
        assert len(records) >= 5 and {record["outcome"] for record in records} == {"answered"}, records
        assert house.rehearsals[1].seen() == 0
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
        house = House(at_end, tmp_path, first, second)
        script = task.script(meanwhile=f"kill -9 {house.rehearsals[0].pid}")
        for rehearsal in house.rehearsals:
            rehearsal.misbehave("honest", script=script)
        told = claude_code(place, house.gateway, house.key, "claude-team", PROMPT)
        assert (told["result"], told["is_error"], told["num_turns"]) == (DONE, False, 6), told
        task.is_done()
        served = [record["deployment"].split("/")[0] for record in house.records()]
        assert served.count("second") >= 3 and served == sorted(served), served
        assert {record["outcome"] for record in house.records()} == {"answered"}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("fault", ["cut-after-event-6", "error-after-event-6"])
def test_a_stream_that_breaks_is_asked_for_again(tmp_path: Path, place: Workplace, upstream: str, fault: str):
    """What was shown cannot be taken back; the agent is told, and asks again."""
    task = Task(place.folder)
    with ExitStack() as at_end:
        house = House(at_end, tmp_path, upstream, upstream)
        house.rehearsals[0].misbehave(f"{fault}-every-3", script=task.script())
        house.rehearsals[1].misbehave("honest", script=task.script())
        told = claude_code(place, house.gateway, house.key, "claude-team", PROMPT)
        assert (told["result"], told["is_error"]) == (DONE, False), told
        task.is_done()
        until(lambda: {"cut", "failed"} & {record["outcome"] for record in house.records()}, 5, "one broke")
