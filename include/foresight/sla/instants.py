"""Instants as text, for JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import overload


@overload
def iso(epoch: int) -> str: ...


@overload
def iso(epoch: None) -> None: ...


def iso(epoch: int | None) -> str | None:
    """``2026-01-31T23:59:00Z`` for epoch seconds; None for none."""
    return None if epoch is None else _text(epoch)


@lru_cache(maxsize=4096)  # a run names the same slots again and again
def _text(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
