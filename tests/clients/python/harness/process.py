"""One child process with its log in a file."""

import os
import signal
import socket
import subprocess
from pathlib import Path


def free_port() -> int:
    """A loopback port that nobody listens on.

    It lies below the ports that outgoing connections take, and in a range of this test process alone, so that nobody
    takes it before its server does.
    """
    for port in _ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("this test process has used up its ports")


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = iter(range(20_000 + 1_500 * _WORKER, 21_500 + 1_500 * _WORKER))


class Process:
    """A running command in a process group of its own."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None):
        self.log = log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
            )

    def is_running(self) -> bool:
        return self._child.poll() is None

    def stop(self, within_s: float = 15) -> int:
        """Asks it to end; returns its exit code. One that stays is killed and the wait fails."""
        if self.is_running():
            self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the whole group at once, as a crash would."""
        if self.is_running():
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait(10)

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    @property
    def pid(self) -> int:
        return self._child.pid

    def resident_bytes(self) -> int:
        """Memory the process holds now (`VmRSS`)."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def last_words(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
