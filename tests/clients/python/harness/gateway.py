"""The gateway under test: a real process with its own folder, configuration and keys."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from harness.http_json import Reply, request, request_by_socket
from harness.process import Process, free_port
from harness.waiting import until


@dataclass(frozen=True)
class Key:
    """A caller's key; `secret` is what a client sends."""

    id: str
    secret: str


class Gateway:
    """One `roundelay serve` process. `configuration` is its file without the `[server]` addresses."""

    def __init__(self, folder: Path, configuration: str, server: str = ""):
        self.port, self.admin_port = free_port(), free_port()
        self.data = folder / "data"
        self.config = folder / "roundelay.toml"
        self._log = folder / "gateway.log"
        self._server = server
        self._process: Process | None = None
        self.configure(configuration)

    def configure(self, configuration: str) -> None:
        """Writes the file; a running gateway notices by itself or is told by `reload`."""
        addresses = f'listen = "127.0.0.1:{self.port}"\nadmin = "127.0.0.1:{self.admin_port}"\n'
        self.config.write_text(f"[server]\n{addresses}{self._server}\n{configuration}")

    def start(self) -> None:
        # Vendor keys of the machine must not become providers of the test.
        env = {"PATH": os.environ["PATH"], "HOME": str(self.data.parent)}
        command = [os.environ["ROUNDELAY_BINARY"], "serve", "--config", str(self.config), "--data", str(self.data)]
        self._process = Process(command, self._log, env)
        until(self._is_ready, 20, "gateway is ready")

    def _is_ready(self) -> bool:
        assert self._process.is_running(), f"the gateway ended:\n{self._process.last_words()}"
        return self.admin("/readyz").status == 200

    def stop(self) -> int:
        return self._process.stop()

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def resident_bytes(self) -> int:
        """Memory the process holds now."""
        return self._process.resident_bytes()

    def reload(self) -> None:
        self._process.signal(signal.SIGHUP)

    def admin(self, path: str) -> Reply:
        return request("GET", f"http://127.0.0.1:{self.admin_port}{path}")

    def url(self, path: str = "/v1") -> str:
        """A base URL for clients."""
        return f"http://127.0.0.1:{self.port}{path}"

    def cli(self, *arguments: str) -> dict:
        """Runs another `roundelay` command on the same data; returns its JSON."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return json.loads(done.stdout)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        options = ["--config", str(self.config), "--data", str(self.data)]
        return subprocess.run(
            [os.environ["ROUNDELAY_BINARY"], *arguments, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def create_key(self, *options: str, account: str = "default") -> Key:
        created = self.cli("keys", "create", "--account", account, "--name", "t", *options)
        return Key(created["id"], created["key"])

    def records(self, **filters: object) -> list[dict]:
        """What is kept of the newest exchanges, newest first, by the socket in the data folder."""
        path = "/admin/exchanges?" + urlencode({"limit": 1000} | filters)
        return request_by_socket(self.data / "admin.sock", path)

    def explain(self, exchange: str) -> dict:
        return self.cli("explain", exchange)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 when it has not been seen."""
        lines = self.admin("/metrics").body.decode().splitlines()
        values = [line.rsplit(" ", 1)[1] for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(map(float, values))
