"""Zip files from strangers, looked at before anything is unpacked."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

from foresight.scoring.errors import InvalidModel

MAX_UNPACKED: Final = 512 * 1024 * 1024
"""Most bytes of all members together, unpacked."""
MAX_MEMBERS: Final = 50_000
_BROKEN: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    OSError,
)
_PICKLE: Final = b"\x80"


@contextmanager
def opened(data: bytes, what: str) -> Iterator[zipfile.ZipFile]:
    """The archive; raises ``InvalidModel`` where it is none, broken, or unpacks to too much.

    ``what`` says how such a file is made.
    """
    if data[:1] == _PICKLE:
        raise InvalidModel(f"this is a pickle, which runs code of its author when it is read: {what}")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or size > MAX_UNPACKED:
                raise InvalidModel(
                    f"{len(members)} members of {size} bytes unpacked, more than the {MAX_MEMBERS} members "
                    f"and {MAX_UNPACKED} bytes allowed"
                )
            if len({member.filename for member in members}) < len(members):
                raise InvalidModel("the archive has two members of the same name")
            yield archive
    except _BROKEN as error:
        raise InvalidModel(f"the file is broken ({error}): {what}") from error


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member, unpacked: never more than ``limit`` bytes, whatever the archive says about itself."""
    try:
        with archive.open(name) as file:
            data = file.read(limit + 1)
    except KeyError as error:
        raise InvalidModel(f"the archive has no {name}") from error
    except RuntimeError as error:  # encrypted
        raise InvalidModel(f"{name} cannot be read: {error}") from error
    if len(data) > limit:
        raise InvalidModel(f"{name} has more than the {limit} bytes allowed")
    return data


def objects_in(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document, however deep; without recursion, for depth is the author's choice."""
    todo = [document]
    while todo:
        here = todo.pop()
        if isinstance(here, list):
            todo += here
        elif isinstance(here, dict):
            yield here
            todo += here.values()
