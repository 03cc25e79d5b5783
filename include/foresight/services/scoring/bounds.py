"""What whoever triggers a run may name: files below one folder, and connections that are on a list.

A run works with the rights of its worker, which are more than those of the person who triggers it. A command
line works with the rights of the person who calls it, and needs no such bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from foresight.scoring.errors import InvalidMapping
from foresight.services.scoring.places import topic_of
from foresight.services.scoring.tables import table_of

KNOWN: Final = "kafka:TOPIC, table:NAME, table:CONNECTION/NAME, a path, or a file:// URI"
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_LOCAL: Final = frozenset({"", "file", "local"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Files lie below ``files``; tables and object stores are reached through ``connections`` only."""

    files: Path
    connections: Collection[str]
    database_of: Callable[[str], Hashable] = str
    """What connections that lead to one database have in common; their names, where nothing is known."""

    def place(self, given: str) -> str:
        """A source or sink as it is meant: links and ``..`` resolved. Raises ``InvalidMapping``."""
        topic = topic_of(given)
        if topic is not None:
            if not _TOPIC.fullmatch(topic):
                raise InvalidMapping(f"{given}: a topic has letters, digits, '.', '_' and '-', 249 at most")
            return given
        table = table_of(given)
        if table is not None:
            self._check_connection(given, table[0])
            return given
        scheme = urlsplit(given).scheme
        if scheme not in _LOCAL:
            raise InvalidMapping(f"{given}: nothing here reads or writes {scheme}:; use {KNOWN}")
        return str(self._path(given))

    def places(self, given: Sequence[str]) -> list[str]:
        """Several of them, each another one. Raises ``InvalidMapping``.

        Names of tables that differ by case only count as one, for many databases take them so; and so do
        two names of one file, and tables of one database that two connections lead to.
        """
        resolved = [self.place(one) for one in given]
        compared = [self._identity(one) for one in resolved]
        for at, one in enumerate(compared):
            if one in compared[:at]:
                same = given[compared.index(one)]
                raise InvalidMapping(
                    "source, good and bad must be different places; without bad, one takes all: "
                    f"{given[at]} and {same} are the same place"
                )
        return resolved

    def file(self, given: str) -> str:
        """A file to be read: below the folder, or in an object store whose connection is on the list."""
        split = urlsplit(given)
        if split.scheme in _LOCAL:
            return str(self._path(given))
        connection, at, _ = split.netloc.rpartition("@")
        if not at:
            raise InvalidMapping(
                f"{given}: name the connection that opens it, as in {split.scheme}://CONNECTION@bucket/file"
            )
        self._check_connection(given, connection)
        return given

    def _check_connection(self, given: str, connection: str) -> None:
        if connection not in self.connections:
            allowed = ", ".join(sorted(self.connections)) or "none"
            raise InvalidMapping(
                f"{given}: runs may not use the connection {connection!r}; those allowed are {allowed} "
                "(FORESIGHT_CONNECTIONS)"
            )

    def _path(self, given: str) -> Path:
        split = urlsplit(given)
        if split.netloc not in {"", "localhost"}:
            raise InvalidMapping(f"{given}: files of {split.netloc} are not here; write file:///PATH")
        text = unquote(split.path) if split.scheme else given
        root = self.files.resolve()
        try:
            found = (root / text).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise InvalidMapping(f"{given!r} is no path: {error}") from error
        if not found.is_relative_to(root) or found == root:
            raise InvalidMapping(
                f"{given}: runs read and write files below {root} only (FORESIGHT_FILES); this is {found}"
            )
        return found

    def _identity(self, place: str) -> Hashable:
        """What two names of one place have in common; ``place`` is resolved."""
        table = table_of(place)
        if table is not None:
            return self.database_of(table[0]), table[1].casefold()
        if topic_of(place) is not None:
            return place
        try:
            found = Path(place).stat()
        except OSError:
            return place
        return found.st_dev, found.st_ino
