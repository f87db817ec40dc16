"""Two rehearsal providers behind a gateway, one that breaks off and one that goes on, under every dialect."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import dialects
from harness.dialects import PATIENT, PROVIDERS
from harness.gateway import Gateway, Key
from harness.http_json import request_by_socket
from harness.rehearsal import Rehearsal

# What the second model can do: it takes a beginning of its answer, or has to be asked for all of it again.
WAYS = {"prefill": "capabilities = { prefill = true }", "again": "capabilities = { prefill = false }"}


@dataclass
class Couple:
    """Pools are called `chat-prefill-gemini`: a chat that is carried on, in this way, by a provider of that dialect."""

    first: Rehearsal
    second: Rehearsal
    gateway: Gateway
    key: Key

    def charged_nano_usd(self, since_ms: int) -> dict[str, int]:
        """What callers were charged, by exchange."""
        path = f"/admin/entries?kind=charge&limit=1000&since_ms={since_ms}"
        charged: dict[str, int] = {}
        for entry in request_by_socket(self.gateway.data / "admin.sock", path):
            charged[entry["exchange"]] = charged.get(entry["exchange"], 0) + abs(entry["change_nano"])
        return charged


@contextmanager
def standing(folder: Path) -> Iterator[Couple]:
    """Starts all three and ends what was started; `folder` is empty."""
    with ExitStack() as at_end:
        first, second = Rehearsal("first", folder), Rehearsal("second", folder)
        for rehearsal in (first, second):
            at_end.callback(rehearsal.kill)
            rehearsal.start()
        gateway = Gateway(folder, PATIENT + _configuration(first, second))
        at_end.callback(gateway.kill)
        gateway.start()
        yield Couple(first, second, gateway, gateway.create_key())


def _configuration(first: Rehearsal, second: Rehearsal) -> str:
    text = ""
    for dialect in PROVIDERS:
        text += dialects.provider(dialect, f"first-{dialect}", first.origin)
        for way, more in WAYS.items():
            text += dialects.provider(dialect, f"{way}-{dialect}", second.origin) + more + "\n"
    for one in PROVIDERS:
        for other in PROVIDERS:
            for way in WAYS:
                text += f"""
[pools.{one}-{way}-{other}]
members = {{ first-{one} = 2, {way}-{other} = 1 }}
strategy = "priority"
continuation = true
"""
    return text
