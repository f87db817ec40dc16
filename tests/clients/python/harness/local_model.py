"""A real language model behind an OpenAI-compatible endpoint, where the machine has one."""

import os
from pathlib import Path

from harness.http_json import Reply, request
from harness.process import Process, free_port
from harness.waiting import until

PROGRAM = os.environ.get("ROUNDELAY_LOCAL_MODEL", "")


class LocalModel:
    """One server of the program `ROUNDELAY_LOCAL_MODEL PORT KEY`."""

    def __init__(self, name: str, folder: Path):
        self.name, self.key = name, f"{name}-secret"
        self.port = free_port()
        self._folder = folder
        self._process: Process | None = None

    def start(self) -> None:
        """Starts it; the first start on a machine may install it."""
        self._process = Process([PROGRAM, str(self.port), self.key], self._folder / f"{self.name}.log")
        until(self._is_ready, 300, f"local model {self.name} is ready")

    def _is_ready(self) -> bool:
        assert self._process.is_running(), f"the local model ended:\n{self._process.last_words()}"
        return self._get("/v1/models").status == 200

    def kill(self) -> None:
        # A polite end waits for its open streams, which then stand still for minutes.
        if self._process:
            self._process.kill()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _get(self, path: str) -> Reply:
        url = f"http://127.0.0.1:{self.port}{path}"
        return request("GET", url, headers={"authorization": f"Bearer {self.key}"}, timeout_s=5)
