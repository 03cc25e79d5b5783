"""Which interval a run is about: the one place that decides, for every way a run can start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from foresight.errors import FinalError
from foresight.grid import INTERVAL, floored

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before it there are no epoch seconds to keep a result under."""


class InvalidWindow(FinalError):
    """The parameters of a run name no interval that can be worked on."""


@dataclass(frozen=True, slots=True)
class Window:
    """``(start, end]`` in UTC; ``end`` is the as-of instant that everything in the run is pinned to."""

    start: datetime
    end: datetime

    @property
    def as_of(self) -> int:
        """The end in epoch seconds."""
        return int(self.end.timestamp())


def resolve_window(context: Mapping[str, Any]) -> Window:
    """The window of a run: explicit parameter, else data interval, else partition, else when it was due.

    A scheduled or backfill run has a data interval. A manual run has one only where a logical date was
    given, and an asset-triggered run never. The end is floored to the step; the instant at which the
    run was due (``run_after``) bounds it, for nothing after it can have been observed.
    """
    run = context["dag_run"]
    due = _utc(run.run_after)
    end = _explicit(context) or _utc(run.data_interval_end) or _partition(run) or due
    if end is None or due is None:
        raise InvalidWindow(f"run {run.run_id} names no instant")
    end = floored(end)
    if end < EARLIEST:
        raise InvalidWindow(f"as_of {end.isoformat()} lies before {EARLIEST.isoformat()}")
    if end > due:
        raise InvalidWindow(f"as_of {end.isoformat()} lies after the run was due ({due.isoformat()})")
    return Window(end - INTERVAL, end)


def _explicit(context: Mapping[str, Any]) -> datetime | None:
    given = (context.get("params") or {}).get("as_of")
    return None if given in (None, "") else _parsed(given, "parameter as_of")


def _partition(run: Any) -> datetime | None:
    key = getattr(run, "partition_key", None)
    return _parsed(key, "partition") if key else None


def _parsed(text: Any, what: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise InvalidWindow(f"{what} {text!r} has no time zone: write it with Z or an offset")
        return instant.astimezone(UTC)
    except (TypeError, ValueError) as error:
        raise InvalidWindow(f"{what} {text!r} is not an ISO 8601 instant") from error
    except OverflowError as error:
        raise InvalidWindow(f"{what} {text!r} is beyond the calendar in UTC") from error


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant else None
