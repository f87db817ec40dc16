"""gemini-cli, opencode and Qwen Code change files through the gateway, at models that speak another dialect."""

import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import agents
from harness.agents import Workplace
from harness.tasks import DONE, NOTES, PROMPT, SETTINGS, Relay, Task, call

pytestmark = pytest.mark.skipif(not agents.INSTALLED, reason="no coding agents: see ./test --help")


def gemini_cli(place: Workplace, relay: Relay) -> str:
    return agents.gemini_cli(place, relay.gateway, relay.key, "agents-team", PROMPT)["response"]


def qwen_code(place: Workplace, relay: Relay) -> str:
    return agents.qwen_code(place, relay.gateway, relay.key, "agents-team", PROMPT)[-1]["result"]


def opencode(package: str):
    def run(place: Workplace, relay: Relay) -> str:
        events = agents.opencode(place, relay.gateway, relay.key, "agents-team", PROMPT, package)
        return [event["part"]["text"] for event in events if event["type"] == "text"][-1]

    return run


# How each is started, and what it calls its tools; opencode speaks what its provider's package speaks.
AGENTS = {
    "gemini-cli": (gemini_cli, "snake"),
    "opencode-chat": (opencode("@ai-sdk/openai-compatible"), "camel"),
    "opencode-messages": (opencode("@ai-sdk/anthropic"), "camel"),
    "opencode-responses": (opencode("@ai-sdk/openai"), "camel"),
    "qwen-code": (qwen_code, "qwen"),
}


def script_of(agent: str, task: Task, meanwhile: str = "true") -> list[dict]:
    """The model's turns; the second runs `meanwhile` in the agent's shell."""
    settings, notes = str(task.settings), str(task.notes)
    both = f"cat {shlex.quote(notes)}; grep -n colour {shlex.quote(settings)}"
    why = {"description": "Look around"}
    match AGENTS[agent][1]:
        case "camel":
            read = call("read", filePath=settings)
            shell = lambda command: call("bash", command=command, **why)
            edit = call("edit", filePath=settings, oldString='"blue"', newString='"red"')
            write = call("write", filePath=notes, content=NOTES)
        case "snake":
            read = call("read_file", file_path=settings)
            shell = lambda command: call("run_shell_command", command=command, **why)
            words = {"old_string": '"blue"', "new_string": '"red"', "instruction": "Make the colour red."}
            edit = call("replace", file_path=settings, **words)
            write = call("write_file", file_path=notes, content=NOTES)
        case "qwen":
            read = call("read_file", file_path=settings)
            shell = lambda command: call("run_shell_command", command=command, is_background=False, **why)
            edit = call("edit", file_path=settings, old_string='"blue"', new_string='"red"')
            write = call("write_file", file_path=notes, content=NOTES)
    return [
        {"says": "I read it first.", "calls": [read]},
        {"expects": SETTINGS, "says": "Now I change it.", "calls": [shell(f"echo meanwhile; {meanwhile}")]},
        {"expects": "meanwhile", "calls": [edit, write]},
        {"calls": [shell(both)]},
        {"expects": [line for line in NOTES.split("\n") if line] + ['120:colour = "red"'], "says": DONE},
    ]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace.under(tmp_path)


@pytest.mark.parametrize(
    "agent, upstream",
    [
        ("gemini-cli", "chat"),
        ("opencode-chat", "messages"),
        ("opencode-messages", "gemini"),
        ("opencode-responses", "messages"),
        ("qwen-code", "gemini"),
    ],
)
def test_a_task_is_done(tmp_path: Path, place: Workplace, agent: str, upstream: str):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, upstream, upstream)
        relay.rehearsals[0].misbehave("cached-100", script=script_of(agent, task))
        assert AGENTS[agent][0](place, relay) == DONE
        task.is_done()
        records = relay.records()
        assert len(records) >= 5 and {record["outcome"] for record in records} == {"answered"}, records
        assert relay.rehearsals[1].seen() == 0
        for record in records:
            usage = record["usage"]
            nano = (usage["input"] + usage["cache_read"]) * 1000 + usage["output"] * 2000
            assert usage["output"] > 0 and record["cost_nano"] == nano, record


@pytest.mark.parametrize(
    "agent, first, second",
    [
        ("gemini-cli", "messages", "chat"),
        ("opencode-chat", "gemini", "messages"),
        ("qwen-code", "messages", "gemini"),
    ],
)
def test_a_provider_that_dies_in_the_middle_is_not_noticed(
    tmp_path: Path, place: Workplace, agent: str, first: str, second: str
):
    task = Task(place.folder)
    with ExitStack() as at_end:
        relay = Relay(at_end, tmp_path, first, second)
        for rehearsal in relay.rehearsals:
            rehearsal.misbehave("honest", script=script_of(agent, task, relay.meanwhile()))
        assert AGENTS[agent][0](place, relay) == DONE
        task.is_done()
        served = [record["deployment"].split("/")[0] for record in relay.records()]
        assert served.count("second") >= 3 and served == sorted(served), served
        assert {record["outcome"] for record in relay.records()} == {"answered"}
