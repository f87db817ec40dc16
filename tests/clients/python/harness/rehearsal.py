"""A rehearsal provider: an upstream that misbehaves on request and counts what it saw."""

import json
import os
from pathlib import Path

from harness.http_json import request
from harness.process import Process, free_port
from harness.waiting import until


class Rehearsal:
    """One `roundelay rehearse` process."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.port = free_port()
        self._folder = folder
        self._process: Process | None = None

    def start(self) -> None:
        """Starts it, again on the same port after `kill`."""
        command = [os.environ["ROUNDELAY_BINARY"], "rehearse", "--listen", f"127.0.0.1:{self.port}"]
        self._process = Process(command, self._folder / f"{self.name}.log")
        until(lambda: request("GET", self.control).status == 200, 10, f"rehearsal provider {self.name} listens")

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def control(self) -> str:
        return f"{self.origin}/control"

    @property
    def pid(self) -> int:
        return self._process.pid

    def misbehave(self, scenario: str, times: int | None = None, **more: object) -> None:
        """Answers the next `times` requests (all, when left out) by the scenario."""
        reply = request("PUT", self.control, {"scenario": scenario, "times": times, **more})
        assert reply.status < 300, f"{scenario}: {reply.status} {reply.body!r}"

    def teach(self, model: str, scenario: str = "honest", **more: object) -> None:
        """Answers for this model so, whatever holds for others."""
        reply = request("PUT", f"{self.control}/models/{model}", {"scenario": scenario, **more})
        assert reply.status < 300, f"{model}: {reply.status} {reply.body!r}"

    def accept_only(self, key: str) -> None:
        """Answers every other key with 401 from now on."""
        reply = request("PUT", f"{self.control}/accepted-keys", {"keys": [key]})
        assert reply.status < 300, f"{reply.status} {reply.body!r}"

    def behave(self) -> None:
        """Forgets every scenario; what was counted stays."""
        reply = request("DELETE", self.control)
        assert reply.status < 300, f"{reply.status} {reply.body!r}"

    def counts(self) -> dict:
        """Everything this provider counted since it was started."""
        return request("GET", self.control).json()["counts"]

    def seen(self) -> int:
        """How many attempts reached this provider."""
        return self.counts()["requests"]

    def request_times_ms(self) -> list[int]:
        """When each attempt reached it, in milliseconds after its start."""
        return [seen["at_ms"] for seen in request("GET", self.control).json()["recent"]]

    def cancelled(self) -> int:
        """How many answers were given up because the gateway hung up."""
        return self.counts()["cancelled"]

    def last_body(self) -> dict:
        """The request body of the newest attempt."""
        return json.loads(self._last()["body"])

    def last_headers(self) -> dict[str, str]:
        """The request headers of the newest attempt, names in lower case, credentials masked."""
        return dict(self._last()["headers"])

    def _last(self) -> dict:
        return request("GET", self.control).json()["last"]
