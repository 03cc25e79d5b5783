"""The column types that mean the same on MySQL, MariaDB and SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, String, Text
from sqlalchemy.dialects.sqlite import DATETIME as SQLITE_DATETIME
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine

from foresight.grid import whole_seconds

MYSQL_FAMILY = frozenset({"mysql", "mariadb"})


class Instant(TypeDecorator[datetime]):
    """A UTC instant in whole seconds: aware datetimes or epoch seconds go in, aware datetimes come out.

    DATETIME on MySQL; on SQLite text, ``2026-01-31 23:59:00``, which sorts and compares as time does.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of each database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(SQLITE_DATETIME(truncate_microseconds=True))  # type: ignore[no-untyped-call] # it has no annotations
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Whole seconds, UTC, without zone; a naive datetime is refused."""
        if value is None:
            return None
        epoch = whole_seconds(value) if isinstance(value, datetime) else int(value)
        return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """With its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Name(String):
    """Short text, compared byte by byte: case, accents and trailing spaces count."""


class Body(Text):
    """Text up to 16 MiB, compared byte by byte."""


def _binary_collation(dialect: Any) -> str:
    return "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"


@compiles(Name, "mysql", "mariadb")
def _name(type_: Name, compiler: Any, **_: Any) -> str:
    return f"VARCHAR({type_.length}) CHARACTER SET utf8mb4 COLLATE {_binary_collation(compiler.dialect)}"


@compiles(Body, "mysql", "mariadb")
def _body(_type: Body, compiler: Any, **_: Any) -> str:
    return f"MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE {_binary_collation(compiler.dialect)}"
