"""Lengths of time as people write them: ``90s``, ``10m``, ``1h30m``, ``12h``, ``30d``, ``4w``."""

from __future__ import annotations

import re

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,6}}){unit})?" for unit in _UNITS), re.ASCII)
_BARE = re.compile(r"[0-9]{1,12}", re.ASCII)
_MILLISECONDS = {"y": 31_536_000_000, **{unit: size * 1000 for unit, size in _UNITS.items()}, "ms": 1}
_PROMETHEUS = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _MILLISECONDS), re.ASCII)
_LONGER = {"M": "month", "Q": "quarter", "Y": "year"}
_LONGER_DURATION = re.compile(r"[0-9]+([MQY])")


def duration_seconds(given: object, *, may_be_bare: bool = False) -> int:
    """Whole seconds of a duration, in Prometheus' units from large to small.

    ``may_be_bare`` also takes a number without a unit, in seconds, and 0. Raises ``ValueError`` for what is
    no duration.
    """
    text = "" if isinstance(given, bool) else str(given).strip()
    if may_be_bare and _BARE.fullmatch(text):
        return int(text)
    match = _DURATION.fullmatch(text)
    seconds = sum(int(match[unit] or 0) * size for unit, size in _UNITS.items()) if text and match else None
    if seconds or (seconds == 0 and may_be_bare):
        return seconds
    if longer := _LONGER_DURATION.fullmatch(text):
        raise ValueError(f"a {_LONGER[longer[1]]} has no fixed length: write days, such as 30d, got {text!r}")
    raise ValueError(
        f"a duration is a number with its unit (s, m, h, d or w), such as 10m or 12h, got {str(given)[:40]!r}"
    )


def prometheus_milliseconds(text: str) -> int:
    """Milliseconds of a duration as Prometheus writes it, from years to milliseconds: ``100ms``, ``1y``."""
    match = _PROMETHEUS.fullmatch(text.strip())
    numbers = match.groups() if match is not None else ()
    if not any(numbers):
        raise ValueError(
            "a duration is a number with its unit (ms, s, m, h, d, w or y), such as 100ms or 4w, "
            f"got {text[:40]!r}"
        )
    sizes = _MILLISECONDS.values()
    return sum(int(number) * size for number, size in zip(numbers, sizes, strict=True) if number)


def duration_text(minutes: int) -> str:
    """The shortest spelling of whole minutes in one unit; weeks are left as days."""
    for unit in ("d", "h"):
        size = _UNITS[unit] // 60
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
