"""Servers on loopback, each in a process group of its own: started, awaited, stopped or killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

CACHE = Path(os.environ.get("FORESIGHT_TEST_CACHE", Path(__file__).parents[2] / ".cache" / "servers"))
"""Where downloaded servers are kept between runs."""


class Unavailable(Exception):
    """This machine cannot have the server; the text says why in one line."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def require(*commands: str) -> None:
    """Raises ``Unavailable`` unless every command is on PATH."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise Unavailable(f"needs {', '.join(missing)} on PATH")


def run(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Runs a provisioning step; a failure becomes ``Unavailable`` with the end of what it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"{command[0]} failed with {done.returncode}: {' | '.join(tail)}")
    return done.stdout


class Server:
    """A server in a process group of its own; it can be ended and started again on the same data.

    ``ready`` says whether it answers. As a context manager it runs while the block does.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._log, self._ready, self._env = command, log, ready, env
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> None:
        """Returns when the server answers; raises ``Unavailable`` when it does not come up."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=self._env,
            )
        deadline = time.monotonic() + seconds
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self._log.read_text(errors="replace").splitlines()[-8:]
                raise Unavailable(f"{self._command[0]} did not come up: {' | '.join(tail)}")
            time.sleep(0.1)

    def stop(self, seconds: float = 10) -> None:
        """An orderly end, within ``seconds`` or else by force; the data stays for the next ``start``."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            self.kill()

    def kill(self) -> None:
        """What a power cut does to the process: SIGKILL, no goodbye."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, sign: signal.Signals) -> None:
        """Sends a signal to the process and all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
