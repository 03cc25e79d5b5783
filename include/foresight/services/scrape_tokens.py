"""Tokens of scrapers: long-lived, read-only, open the metrics and nothing else. Only their hash is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from foresight.errors import FinalError, NotFound
from foresight.store import Store, upsert
from foresight.store.tables import scrape_token

PREFIX: Final = "foresight-scrape-"
"""Tokens begin with it, so that they are known for what they are wherever they turn up."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def make(store: Store, name: str, *, by: str, at: int) -> str:
    """A new token of this name, which is told this once; the one of before opens nothing any more."""
    if not _NAME.fullmatch(name):
        raise FinalError(f"{name!r} cannot name a token: letters, digits, '.', '_' and '-', 64 at most")
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "sha256": digest(token), "created_at": at, "created_by": by}
    store.transact(
        lambda connection: upsert(connection, scrape_token, {key: [value] for key, value in row.items()})
    )
    return token


def revoke(store: Store, name: str) -> None:
    """Takes a token away. Raises ``NotFound``."""

    def work(connection: Connection) -> int:
        return int(connection.execute(delete(scrape_token).where(scrape_token.c.name == name)).rowcount)

    if not store.transact(work):
        raise NotFound(f"there is no scrape token {name!r}")


def list_tokens(store: Store) -> list[dict[str, Any]]:
    """Every token by name, without its hash."""
    query = select(*(column for column in scrape_token.c if column.name != "sha256"))
    order = query.order_by(scrape_token.c.name)
    return store.read(lambda connection: [dict(row) for row in connection.execute(order).mappings()])


def name_of(store: Store, token: str) -> str | None:
    """The name of a token; None where it is none."""
    query = select(scrape_token.c.name).where(scrape_token.c.sha256 == digest(token))
    found = store.read(lambda connection: connection.execute(query).scalar())
    return None if found is None else str(found)


def looks_like_one(token: str) -> bool:
    """Whether it is written as these tokens are."""
    return token.startswith(PREFIX)


def digest(token: str) -> str:
    """What is stored of a token: 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
