"""Requests written byte by byte, for callers that do not keep to the rules."""

import json
import socket
import time

from harness.http_json import Reply


class Wire:
    """One raw connection to a gateway. Every read has a deadline."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """Whether the gateway still took it; one that has answered may close before it read everything."""
        try:
            self._socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end_sending(self) -> None:
        """Closes the caller's half, as a crashed client's kernel does."""
        self._socket.shutdown(socket.SHUT_WR)

    def dribble(self, data: bytes, every_s: float, for_s: float) -> bool:
        """Sends one byte after another; whether the gateway was still listening when the time was over."""
        ends = time.monotonic() + for_s
        self._socket.setblocking(False)
        try:
            for byte in data:
                if time.monotonic() > ends:
                    return True
                self._socket.send(bytes([byte]))
                if self._has_answer_or_end():
                    return False
                time.sleep(every_s)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False
        finally:
            self._socket.settimeout(10)

    def _has_answer_or_end(self) -> bool:
        try:
            self._socket.recv(1, socket.MSG_PEEK)
            return True
        except BlockingIOError:
            return False

    def read_some(self, least: int) -> bytes:
        """At least so many bytes, or what came before the end."""
        data = b""
        while len(data) < least and (more := self._socket.recv(65536)):
            data += more
        return data

    def reply(self) -> Reply | None:
        """The whole answer until the gateway closes; `None` when it closed without a word."""
        data = b""
        try:
            while not _is_whole(data) and (more := self._socket.recv(65536)):
                data += more
        except ConnectionResetError:
            pass
        if b"\r\n\r\n" not in data:
            return None
        head, body = data.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        return Reply(int(status.split()[1]), headers, body)


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if found and line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return False


def chat(key: str, model: str = "team", stream: bool = False, **fields: object) -> bytes:
    """A well-formed chat request."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Tell me of the sea."}],
        "stream": stream,
        **fields,
    }
    encoded = json.dumps(body).encode()
    return head(key, len(encoded)) + encoded


def head(key: str, length: int, *more: str) -> bytes:
    """The head of a chat request that announces `length` bytes."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "host: gateway",
        f"authorization: Bearer {key}",
        "content-type: application/json",
        f"content-length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()
