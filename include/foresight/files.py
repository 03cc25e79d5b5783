"""Files on any file system that fsspec knows: read within bounds, and written aside before they appear."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from foresight.errors import BadAnswer, SourceUnavailable

if TYPE_CHECKING:
    from upath import UPath

MAX_BYTES: Final = 256 * 1024 * 1024
"""Longest file that ``read_bytes`` reads."""


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
    aside = target.parent / f".{target.name}.{os.getpid()}-{uuid4().hex[:8]}.part"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_bytes(data)
            _move(aside, target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SourceUnavailable(f"cannot write {target}: {error}") from error


def _move(path: UPath, target: UPath) -> None:
    if path.protocol == "file":
        os.replace(path.path, target.path)  # UPath has no atomic move for local files
    else:
        path.replace(target)
