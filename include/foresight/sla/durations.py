"""Lengths of time as people write them: ``10m``, ``12h``, ``1d``, ``4w``."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_PROMETHEUS_UNITS = {
    "y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1
}  # fmt: skip
_PROMETHEUS_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _PROMETHEUS_UNITS))
_LONGER = {"M": "month", "Q": "quarter", "Y": "year"}
_LONGER_DURATION = re.compile(r"[0-9]+([MQY])")


def duration_seconds(text: str) -> int:
    """Seconds of a duration; raises ``ValueError`` for what is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is not None:
        return int(match[1]) * _SECONDS[match[2]]
    if longer := _LONGER_DURATION.fullmatch(text.strip()):
        raise ValueError(f"a {_LONGER[longer[1]]} has no fixed length: write days, such as 30d, got {text!r}")
    raise ValueError(
        f"a duration is a number with its unit (s, m, h, d or w), such as 10m or 12h, got {text[:40]!r}"
    )


def prometheus_milliseconds(text: str) -> int:
    """Milliseconds of a duration as Prometheus writes it, such as ``100ms``, ``1h30m`` or ``1w3d``."""
    match = _PROMETHEUS_DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(
            f"a duration is numbers with their units, the longest first, such as 100ms, 1h30m or 4w, "
            f"got {text[:40]!r}"
        )
    return sum(
        int(number) * size
        for number, size in zip(match.groups(), _PROMETHEUS_UNITS.values(), strict=True)
        if number
    )


def duration_text(minutes: int) -> str:
    """The shortest spelling of whole minutes; weeks are left as days."""
    for unit in ("d", "h"):
        size = _SECONDS[unit] // 60
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
