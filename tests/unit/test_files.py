"""Files written aside: whole or not there, whoever else writes the same one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from upath import UPath

from foresight.errors import SourceUnavailable
from foresight.files import write_bytes


def test_many_that_write_one_file_leave_one_of_theirs_and_nothing_else(tmp_path: Path) -> None:
    bodies = [bytes([number]) * 100_000 for number in range(8)]
    target = UPath(tmp_path / "x.bin")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: write_bytes(target, body), bodies))
    assert target.read_bytes() in bodies
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_what_lies_in_the_way_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    monkeypatch.setattr("secrets.token_hex", lambda n_bytes: "0" * 2 * n_bytes)
    (tmp_path / f".x.bin.{'0' * 16}.part").symlink_to(secret)
    with pytest.raises(SourceUnavailable, match="exists"):
        write_bytes(UPath(tmp_path / "x.bin"), b"x")
    assert secret.read_text() == "mine"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (seen.append("synced"), sync(number))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (seen.append("moved"), replace(*paths))[1])
    write_bytes(UPath(tmp_path / "x.bin"), b"x")
    assert seen == ["synced", "moved", "synced"]  # the data, then the name
