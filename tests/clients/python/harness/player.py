"""A provider of every dialect that plays recorded streams, and breaks off where the prompt says so.

    python3 player.py PORT FOLDER

FOLDER holds the recordings. `play 7` anywhere in a request plays the seventh; `play 7 until 12 by error` breaks off
after twelve of its events. It needs nothing but Python, so that any suite can start it.
"""

import asyncio
import json
import re
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

# closed: the connection goes; error: an event says so; quiet: the body ends as if it were whole.
FAULTS = ("closed", "error", "quiet")
ASKED = re.compile(rb"play (\d+)(?: until (\d+) by (\w+)( late)?)?")
# How long a late fault waits, so that the events before it are on their way to the caller.
LATE_S = 0.005


@dataclass
class Recording:
    """One stream of a provider, event by event as it was on the wire."""

    name: str
    dialect: str
    events: list[bytes]
    # After how many events one of another shape comes, or has just come.
    turns: list[int]


def recordings(folder: Path) -> list[Recording]:
    """Every stream below the folder that is of a dialect here, in the order of their names."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".txt", ".sse"):
            continue
        lines = [line.strip() for line in path.read_text().splitlines()]
        datas = [line.removeprefix("data:").strip() for line in lines if line.startswith(("data:", "{"))]
        dialect = datas and dialect_of(json.loads(datas[0]))
        if not dialect:
            continue
        name = f"{path.parent.name}/{path.name}"
        for number, one in enumerate(answers(datas), 1):
            shown = [data for data in one if data != "[DONE]"]
            events = [DIALECTS[dialect].event(data) for data in shown] + [sse("[DONE]")] * (dialect == "chat")
            turns = turns_of([json.loads(data) for data in shown])
            found.append(Recording(f"{name}, answer {number}" if number > 1 else name, dialect, events, turns))
    return found


def turns_of(events: list[dict]) -> list[int]:
    shapes = [shape(event) for event in events]
    places = [at for at, known in enumerate(shapes) if at == 0 or known != shapes[at - 1]]
    return sorted({place + more for place in [*places, len(events)] for more in (0, 1)})


def shape(value: object, name: str = "") -> object:
    """What it holds, without what that says."""
    match value:
        case dict():
            return {inner: shape(held, inner) for inner, held in value.items()}
        case list():
            return [shape(held) for held in value]
        case str() if name != "type":
            return bool(value)
        case int() | float():
            return 0
        case _:
            return value


ENDS = re.compile(r'"type": ?"(message_stop|response\.completed|response\.incomplete)"')
BEGINS = re.compile(r'"type": ?"(message_start|response\.created)"')


def answers(datas: list[str]) -> list[list[str]]:
    """Some recordings hold the answers of several turns, one after another, and pieces without an end."""
    starts = [at for at, data in enumerate(datas) if at == 0 or BEGINS.search(data)]
    found = [datas[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    return [one for one in found if len(found) == 1 or any(ENDS.search(data) for data in one)]


def dialect_of(first: dict) -> str | None:
    """By what it looks like."""
    if isinstance(first.get("choices"), list):
        return "chat"
    if first.get("type") == "message_start":
        return "messages"
    if first.get("type") == "response.created":
        return "responses"
    if first.keys() & {"messageStart", "contentBlockStart", "contentBlockDelta"}:
        return "bedrock"
    return "gemini" if isinstance(first.get("candidates"), list) else None


def sse(data: str, name: str | None = None, end: str = "\n") -> bytes:
    return (f"event: {name}{end}" if name else "").encode() + f"data: {data}{end}{end}".encode()


def named(data: str) -> bytes:
    return sse(data, json.loads(data)["type"])


def frame(kind: str, name: str, payload: bytes) -> bytes:
    """A message of AWS's event stream."""
    about = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in about.items()
    )
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def converse(data: str) -> bytes:
    [(name, payload)] = json.loads(data).items()
    return frame("event", name, json.dumps(payload).encode())


@dataclass
class Dialect:
    """How a provider of it frames its events, and how it says in the middle of them that it failed."""

    path: re.Pattern
    event: object
    error: bytes
    content_type: str = "text/event-stream"


BROKE = "the recording broke off"
DIALECTS = {
    "chat": Dialect(
        re.compile("/chat/completions$"),
        sse,
        sse(json.dumps({"error": {"message": BROKE, "type": "server_error", "code": None}})),
    ),
    "responses": Dialect(
        re.compile("/responses$"),
        named,
        named(json.dumps({"type": "error", "code": "server_error", "message": BROKE, "param": None})),
    ),
    "messages": Dialect(
        re.compile("/messages$"),
        named,
        named(json.dumps({"type": "error", "error": {"type": "api_error", "message": BROKE}})),
    ),
    "gemini": Dialect(
        re.compile(":streamGenerateContent"),
        lambda data: sse(data, end="\r\n"),
        sse(json.dumps({"error": {"code": 500, "message": BROKE, "status": "INTERNAL"}}), end="\r\n"),
    ),
    "bedrock": Dialect(
        re.compile("/converse-stream$"),
        converse,
        frame("exception", "internalServerException", json.dumps({"message": BROKE}).encode()),
        "application/vnd.amazon.eventstream",
    ),
}


class Player(asyncio.Protocol):
    """One connection, kept until a fault closes it."""

    played = 0

    def __init__(self, recordings: list[Recording]):
        self._recordings, self._read = recordings, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._to = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        self._read = b""
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        asked = ASKED.search(body)
        if method == "GET":
            return self._tell()
        if not asked:
            return self._answer(400, {"error": {"message": f"nothing to play: {target} {body[:300]!r}"}})
        recording = self._recordings[int(asked[1])]
        if not DIALECTS[recording.dialect].path.search(target.partition("?")[0]):
            return self._answer(400, {"error": {"message": f"{recording.name} is not of {target}"}})
        self._play(recording, asked)

    def _tell(self) -> None:
        known = self._recordings
        streams = [
            {"name": one.name, "dialect": one.dialect, "events": len(one.events), "turns": one.turns} for one in known
        ]
        self._answer(200, {"played": Player.played, "recordings": streams})

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self._to.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))

    def _play(self, recording: Recording, asked: re.Match) -> None:
        Player.played += 1
        dialect = DIALECTS[recording.dialect]
        until = int(asked[2]) if asked[2] else len(recording.events)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {dialect.content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        self._to.write(head.encode() + chunk(b"".join(recording.events[:until])))
        fault = asked[3].decode() if asked[3] else "quiet"
        end = lambda: self._break(fault, dialect)
        if asked[4]:
            asyncio.get_running_loop().call_later(LATE_S, end)
        else:
            end()

    def _break(self, fault: str, dialect: Dialect) -> None:
        if fault == "closed":
            return self._to.close()
        self._to.write((chunk(dialect.error) if fault == "error" else b"") + b"0\r\n\r\n")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


async def serve(port: int, folder: Path) -> None:
    known = recordings(folder)
    server = await asyncio.get_running_loop().create_server(lambda: Player(known), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
