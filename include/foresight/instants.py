"""Instants as text: as people write them, as JSON carries them, and as tables show them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import overload


def read_instant(text: str) -> int:
    """Epoch seconds, rounded down, of an instant that a person wrote; raises ``ValueError`` in our words."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no instant: write an instant such as 2026-01-31T22:00:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write it with Z, such as 2026-01-31T22:00:00Z")
    return math.floor(instant.timestamp())


@overload
def iso(epoch: int) -> str: ...


@overload
def iso(epoch: None) -> None: ...


def iso(epoch: int | None) -> str | None:
    """``2026-01-31T23:59:00Z`` for epoch seconds; None for none."""
    return None if epoch is None else _text(epoch)


def minute_text(epoch: int) -> str:
    """``2026-01-31 23:59``, in UTC, for epoch seconds: for a table whose head names the zone."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M")


@lru_cache(maxsize=4096)  # a run names the same slots again and again
def _text(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
