"""Lengths of time as people write them: ``10m``, ``12h``, ``1d``, ``4w``."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdw])")


def duration_seconds(text: str) -> int:
    """Seconds of a duration; raises ``ValueError`` for what is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        msg = f"a duration is a number with its unit (s, m, h, d or w), such as 10m or 12h, got {text[:40]!r}"
        raise ValueError(msg)
    return int(match[1]) * _SECONDS[match[2]]


def duration_text(minutes: int) -> str:
    """The shortest spelling of whole minutes; weeks are left as days."""
    for unit in ("d", "h"):
        size = _SECONDS[unit] // 60
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
