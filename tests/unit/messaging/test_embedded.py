"""The embedded broker as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from foresight.messaging import end_offsets

COMMAND = [sys.executable, "-m", "foresight.messaging.embedded", "--announce"]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_says_where_it_is_makes_its_topics_and_ends_when_told(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    broker = subprocess.Popen([*COMMAND, str(file), "--topics", "one", "two"], stderr=subprocess.DEVNULL)
    try:
        wait_until(file.exists)
        config = {"bootstrap.servers": file.read_text()}
        for topic in ("one", "two"):
            assert set(end_offsets(config, topic).values()) == {0}
        broker.send_signal(signal.SIGTERM)
        assert broker.wait(20) == 0
        assert not file.exists()
    finally:
        broker.kill()
        broker.wait()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    parent_code = (
        "import subprocess, sys, time, pathlib\n"
        f"child = subprocess.Popen({[*COMMAND, str(file)]!r}, stderr=subprocess.DEVNULL)\n"
        f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(.05)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(pid))
