"""Small HTTP calls without an SDK, for control endpoints and for looking at exact bytes."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Reply:
    """A whole HTTP answer, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


def request(
    method: str, url: str, body: object = None, headers: dict[str, str] | None = None, timeout_s: float = 30
) -> Reply:
    """Sends one request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        encoded = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if encoded is not None else {}
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path or "/", encoded, sent | (headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def request_by_socket(path: Path, target: str) -> list | dict:
    """GETs JSON from a server on a socket of the file system."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(30)
        connection.sock.connect(str(path))
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{target}: {answer.status} {body!r}"
        return json.loads(body)
    finally:
        connection.close()
