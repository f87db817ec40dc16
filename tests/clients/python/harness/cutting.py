"""A wire to a server that is cut after so many bytes of an answer, and remembers every byte that it passed on."""

import json
import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass

from harness.process import free_port


@dataclass
class Passed:
    """One request and what was passed on of its answer, raw."""

    asked: bytes = b""
    answered: bytes = b""
    is_cut: bool = False

    @property
    def request(self) -> dict:
        return json.loads(self.asked.split(b"\r\n\r\n", 1)[1])

    @property
    def is_chat(self) -> bool:
        return self.asked.startswith(b"POST")

    @property
    def text(self) -> str:
        """The content of every event of the stream whose data is here to its end, with its blank line or without."""
        body = unchunked(self.answered.partition(b"\r\n\r\n")[2])
        events = []
        for data in re.findall(rb"data: (\{.*\})(?:\r?\n|$)", body):
            # Half an event may end with a brace as well.
            with suppress(json.JSONDecodeError):
                events.append(json.loads(data))
        deltas = [choice["delta"] for event in events for choice in event.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)


class Wire:
    """Listens for a gateway and passes on to the server at `port`."""

    def __init__(self, port: int):
        self.port, self._server = free_port(), port
        self.passed: list[Passed] = []
        # After how many bytes, head and all, the next answer is cut; nothing is cut when there is none.
        self.cut_next: int | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                gateway, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(gateway,), daemon=True).start()

    def _serve(self, gateway: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server), timeout=600)
        except OSError:
            return gateway.close()
        line = _Line(self)
        asking = threading.Thread(target=line.pass_questions, args=(gateway, server), daemon=True)
        asking.start()
        line.pass_answers(server, gateway)
        # Half closed first, so that what was passed on arrives before the end does.
        for end in (gateway, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        asking.join(10)
        gateway.close()
        server.close()

    def _begin(self) -> tuple[Passed, int | None]:
        with self._lock:
            cut, self.cut_next = self.cut_next, None
            self.passed.append(Passed())
            return self.passed[-1], cut


class _Line:
    """One connection: requests take turns on it."""

    def __init__(self, wire: Wire):
        self._wire, self._now, self._cut = wire, Passed(answered=b"-"), None

    def pass_questions(self, gateway: socket.socket, server: socket.socket) -> None:
        try:
            while data := gateway.recv(65536):
                if self._now.answered:
                    self._now, self._cut = self._wire._begin()
                self._now.asked += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def pass_answers(self, server: socket.socket, gateway: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                if self._cut is not None and len(self._now.answered) + len(data) >= self._cut:
                    data = data[: self._cut - len(self._now.answered)]
                    self._now.is_cut = True
                # Before it is sent: who has read the end may ask at once what was passed on.
                self._now.answered += data
                gateway.sendall(data)
                if self._now.is_cut:
                    return
        except OSError:
            pass


def unchunked(body: bytes) -> bytes:
    """What is here of a body in chunks, which may end anywhere."""
    whole, rest = b"", body
    while (found := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", rest)) and int(found[1], 16):
        start = found.end()
        whole += rest[start : start + int(found[1], 16)]
        rest = rest[start + int(found[1], 16) + 2 :]
    return whole
