"""An Airflow on this machine: its files are its owner's; what it rolled back is asked again."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from foresight.cli.demo import demo
from foresight.errors import NotFound
from foresight.local import standalone
from foresight.local.standalone import Standalone, Unfinished


@pytest.fixture
def answering(tmp_path: Path) -> Callable[..., tuple[Standalone, list[httpx.Request]]]:
    """An Airflow that gives these status codes in turn, and what it was asked."""

    def answer(*codes: int) -> tuple[Standalone, list[httpx.Request]]:
        asked: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(codes[len(asked) - 1], json={"is_paused": False})

        airflow = Standalone(tmp_path, {})
        airflow._client = httpx.Client(base_url=airflow.url, transport=httpx.MockTransport(handle))
        return airflow, asked

    return answer


def test_what_a_busy_airflow_rolled_back_is_asked_again(answering: Callable[..., tuple]) -> None:
    airflow, asked = answering(500, 200)
    assert airflow.call("PATCH", "dags/batch_scoring", json={"is_paused": False}) == {"is_paused": False}
    assert len(asked) == 2
    assert asked[0].content == asked[1].content == b'{"is_paused":false}'


@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (409, Unfinished), (422, Unfinished)])
def test_what_airflow_refuses_is_asked_once(
    answering: Callable[..., tuple], code: int, error: type[Exception]
) -> None:
    airflow, asked = answering(code)
    with pytest.raises(error, match=f"PATCH dags/x: .*{'' if code == 404 else code}"):
        airflow.call("PATCH", "dags/x")
    assert len(asked) == 1


def shared_files(folder: Path) -> list[str]:
    """What others may read, write or enter, by name and rights."""
    found = [folder, *folder.rglob("*")]
    return [f"{one.name} {stat.filemode(one.stat().st_mode)}" for one in found if one.stat().st_mode & 0o077]


def test_databases_logs_secrets_and_files_are_their_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, home = subprocess.Popen, tmp_path / "home"
    home.mkdir(mode=0o755)  # of an older version

    def writing(command: Any, **given: Any) -> Any:
        del command
        script = "mkdir -p $AIRFLOW_HOME/logs/dag $AIRFLOW_HOME/staging; echo x > $AIRFLOW_HOME/airflow.db"
        return usual(["sh", "-c", f"{script}; echo y > $AIRFLOW_HOME/logs/dag/1.log; echo z"], **given)

    monkeypatch.setattr(standalone.subprocess, "Popen", writing)
    monkeypatch.setattr(Standalone, "_sign_in", lambda self: self.process.wait() and None)
    public = tmp_path / "public.pmml"
    public.write_text("x")
    public.chmod(0o644)
    before = os.umask(0o022)
    try:
        with Standalone(home, {}) as airflow:
            airflow.put_file(public)
            airflow._secret("fernet")
    finally:
        os.umask(before)
    assert (home / "logs" / "dag" / "1.log").read_text() == "y\n"
    assert (home / "standalone.log").read_text() == "z\n"
    assert shared_files(home) == []


def test_what_the_demo_writes_itself_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"

    def writing(home: Path, *_: Any) -> None:
        home.mkdir(parents=True)
        (home / "results.db").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr("foresight.demo.main_job.demonstration", writing)
    before, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            demo(home=folder, port=0, stay=False)
    finally:
        os.umask(before)
        signal.signal(signal.SIGTERM, handler)
    assert (folder / "results.db").exists()
    assert shared_files(folder) == []
