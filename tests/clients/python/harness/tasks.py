"""What an agent is asked to do, and the providers it is asked at."""

from contextlib import ExitStack
from pathlib import Path

from harness import dialects
from harness.gateway import Gateway, Key
from harness.rehearsal import Rehearsal

SETTINGS = [f'key_{number:03} = "Zürich\\t{number}"' for number in range(1, 120)] + ['colour = "blue"', 'end = "„…“"']
NOTES = 'The colour is "red" now.\n\n\tIt was \\blue\\ before; 它曾是蓝色。\n'
DONE = "The colour is red now, and notes.md says so."
PROMPT = "Make the colour in settings.toml red, and note it in notes.md."


class Task:
    """A file to change and one to write."""

    def __init__(self, folder: Path):
        self.settings, self.notes = folder / "settings.toml", folder / "notes.md"
        self.settings.write_text("\n".join(SETTINGS) + "\n")

    def is_done(self) -> None:
        """The files are what the model wanted them to be, to the byte."""
        assert self.settings.read_text() == "\n".join(SETTINGS).replace("blue", "red") + "\n"
        assert self.notes.read_text() == NOTES


def call(name: str, **arguments: object) -> dict:
    """A call in a script."""
    return {"name": name, "arguments": arguments}


class Relay:
    """Two providers, each of a dialect of its own, behind a pool that asks `first` as long as it can."""

    def __init__(self, at_end: ExitStack, folder: Path, first: str, second: str):
        self.rehearsals = [Rehearsal("first", folder), Rehearsal("second", folder)]
        for rehearsal in self.rehearsals:
            at_end.callback(rehearsal.kill)
            rehearsal.start()
        places = zip((first, second), ("first", "second"), self.rehearsals, strict=True)
        text = "".join(dialects.provider(dialect, name, rehearsal.origin) for dialect, name, rehearsal in places)
        text += '[pools.agents-team]\nmembers = ["first", "second"]\nstrategy = "priority"\n'
        self.gateway = Gateway(folder, text)
        at_end.callback(self.gateway.kill)
        self.gateway.start()
        self.key: Key = self.gateway.create_key()

    def meanwhile(self) -> str:
        """What an agent's shell runs to end the first provider, as a crash would."""
        return f"kill -9 {self.rehearsals[0].pid}"

    def records(self) -> list[dict]:
        """Oldest first."""
        return self.gateway.records()[::-1]
