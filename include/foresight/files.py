"""Files on any file system that fsspec knows: read within bounds, and written aside before they appear."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from foresight.errors import BadAnswer, SourceUnavailable

if TYPE_CHECKING:
    from upath import UPath

MAX_BYTES: Final = 256 * 1024 * 1024
"""Longest file that ``read_bytes`` reads."""
_LOCAL: Final = frozenset({"", "file"})
"""Protocols of files on this machine."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where files are kept: below ``root``; ``at`` opens the URI or path of any other one."""

    root: UPath
    at: Callable[[str], UPath]


def read_bytes(path: UPath, max_bytes: int = MAX_BYTES) -> bytes:
    """Reads a whole file.

    Raises:
        BadAnswer: there is no such file, or it is longer than ``max_bytes``.
        SourceUnavailable: the file system failed.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise BadAnswer(f"{path} has {size} bytes, more than the {max_bytes} allowed")
        return bytes(path.read_bytes())
    except FileNotFoundError as error:
        raise BadAnswer(f"there is no file {path}") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot read {path}: {error}") from error


def write_bytes(target: UPath, data: bytes) -> None:
    """Writes a file aside under a name of its own, then moves it into place: whoever finds it finds it whole.

    Raises ``SourceUnavailable`` where the file system fails; nothing is left aside then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.protocol in _LOCAL:
            _write_local(Path(target.path), data)
            return
        aside = target.parent / _name_aside(target.name)
        try:
            aside.write_bytes(data)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SourceUnavailable(f"cannot write {target}: {error}") from error


def _write_local(target: Path, data: bytes) -> None:
    path, file = open_aside(target)
    try:
        file.write(data)
        move_into_place(path, file, target)
    except BaseException:
        file.close()
        path.unlink(missing_ok=True)
        raise


def open_aside(target: Path) -> tuple[Path, IO[bytes]]:
    """A new local file beside the target, open to write and read.

    Its name is drawn, and it must not be there: neither two runs nor a link that somebody laid share it.
    """
    path = target.with_name(_name_aside(target.name))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    return path, os.fdopen(os.open(path, flags, 0o666), "w+b")


def move_into_place(path: Path, file: IO[bytes], target: Path) -> None:
    """Closes a file that was written aside and gives it its name; both are on the disk when this returns."""
    with file:
        file.flush()
        os.fsync(file.fileno())
    os.replace(path, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, is on the disk before anybody relies on it
    finally:
        os.close(folder)


def _name_aside(name: str) -> str:
    return f".{name[:100]}.{secrets.token_hex(8)}.part"
