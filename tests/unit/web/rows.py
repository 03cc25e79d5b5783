"""Made-up rows of any table: values of the right types, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer, Table

from foresight.store import Store, upsert
from foresight.store.column_types import Instant

START = 1_780_000_000
WORDS = ("alpha", "Beta", "=1+1", "gamma delta", "Ünïcode", "ok", "violated", "b_c", "b%c", "-5")


def value(column: Any, number: int, draw: random.Random) -> Any:
    kind = column.type
    if column.nullable and draw.random() < 0.3:
        return None
    if isinstance(kind, Instant):
        return START + 600 * (number if column.primary_key else draw.randrange(5))
    if isinstance(kind, Boolean):
        return draw.random() < 0.5
    if isinstance(kind, BigInteger):
        return number + 1
    if isinstance(kind, Integer):
        return number + 1 if column.primary_key else draw.randrange(4)
    if isinstance(kind, Double):
        return round(draw.uniform(-1, 1), 1)
    if isinstance(kind, JSON):
        return [{"start": "2026-05-28T20:27:00Z", "end": "2026-05-28T20:29:00Z", "worst": 1.5, "series": "7"}]
    word = draw.choice(WORDS)
    text = f"{word}{number % 7}" if column.primary_key else word
    return text[: kind.length] if getattr(kind, "length", None) else text


def fill(store: Store, table: Table, n_rows: int = 24, seed: int = 1, **given: Any) -> list[dict[str, Any]]:
    """Writes rows with these values and made-up ones; answers them, one a key."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number in range(n_rows):
        row = {column.name: value(column, number, draw) for column in table.c} | given
        rows[tuple(row[column.name] for column in table.primary_key)] = row
    columns = {column.name: [row[column.name] for row in rows.values()] for column in table.c}
    store.transact(lambda connection: upsert(connection, table, columns))
    return list(rows.values())
