"""Recorded streams of every dialect behind a gateway, one pool for each, and clients that hear them."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import dialects, player
from harness.dialects import PATIENT
from harness.gateway import Gateway
from harness.hearing import Hearing
from harness.http_json import request
from harness.process import Process, free_port
from harness.waiting import until

DATA = os.environ.get("ROUNDELAY_TEST_DATA", "")
DIALECTS = list(player.DIALECTS)


@dataclass
class Recording:
    """A stream that the player knows; its number is what a prompt names it by."""

    number: int
    name: str
    dialect: str
    events: int
    turns: list[int]

    def play(self) -> str:
        return f"play {self.number}"

    def broken(self, after: int, fault: str, is_late: bool) -> str:
        return f"play {self.number} until {after} by {fault}" + (" late" if is_late else "")


@dataclass
class Studio:
    """Pools are called `at-chat`, `at-bedrock` and so on: one provider that speaks it, nobody to fall back to."""

    origin: str
    gateway: Gateway
    hearing: Hearing
    # The same clients at the provider itself, with nothing between.
    direct: Hearing
    recordings: list[Recording]

    def played(self) -> int:
        """How many streams the provider was asked for."""
        return request("GET", self.origin).json()["played"]


@contextmanager
def standing(folder: Path) -> Iterator[Studio]:
    """Starts the player and a gateway; `folder` is empty."""
    with ExitStack() as at_end:
        port = free_port()
        origin = f"http://127.0.0.1:{port}"
        process = Process([sys.executable, player.__file__, str(port), f"{DATA}/fixtures"], folder / "player.log")
        at_end.callback(process.kill)
        until(lambda: request("GET", origin).status == 200, 10, "the player listens")
        told = request("GET", origin).json()["recordings"]
        gateway = Gateway(folder, PATIENT + "".join(configured(dialect, origin) for dialect in DIALECTS))
        at_end.callback(gateway.kill)
        gateway.start()
        hearing = Hearing(gateway.url(""), gateway.create_key().secret)
        direct = Hearing(origin, "any")
        yield Studio(origin, gateway, hearing, direct, [Recording(number, **one) for number, one in enumerate(told)])


PROTOCOLS = {
    "responses": 'protocol = "responses"\nbase_url = "{origin}/v1"',
    "bedrock": 'protocol = "bedrock"\nregion = "us-east-1"\nbase_url = "{origin}"',
}


def configured(dialect: str, origin: str) -> str:
    about = dialects.provider(dialect, dialect, origin, PROTOCOLS.get(dialect))
    return about + f'\n[pools.at-{dialect}]\nmembers = ["{dialect}"]\nattempts = 1\ncontinuation = false\n'
