"""What every client is asked for, and what it tells."""

from dataclasses import dataclass, field
from typing import Protocol

# Tools, and the one argument of each.
SCHEMAS = {"weather": "city", "clock": "zone"}


@dataclass
class Told:
    """One answer. `end` is `stop`, `calls`, `length` or `filtered`; `input` counts what caches took and gave, too."""

    text: str
    end: str
    input: int
    output: int
    thought: str = ""
    cached: int = 0
    calls: list[tuple[str, dict]] = field(default_factory=list)


class Talk(Protocol):
    """A conversation with one model."""

    ways: tuple[str, ...]

    def says(self, way: str, prompt: str) -> Told:
        """Sends what the user says; raises what the client raises."""

    def answers(self, way: str, results: dict[str, str]) -> Told:
        """Sends the results of the calls by the names of the tools."""


def schema(argument: str) -> dict:
    """Strict, because the helpers that parse accept no others."""
    return {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
        "additionalProperties": False,
    }
