"""Whole hours of SLIs as columns that are stored, and parts of an hour as sums. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.sla.counted import COMPUTED_SERIES, NEVER
from foresight.sla.counting import SLOTS_OF_HOUR, Hours, hours
from foresight.sla.definitions import Sla
from foresight.sla.status import Violation
from foresight.sla.tracks import Tracks

STEP_SECONDS = 60
Columns = dict[str, Any]
Sums = tuple[float, float, float, float, float]
"""Observed, violated, no traffic, good, total."""


def hour_columns(slas: Sequence[Sla], tracks: Tracks, wanted: Sequence[int]) -> tuple[Columns, Columns]:
    """Columns of ``sli_rollup`` and of ``sli_violation`` for the hours wanted, by their ends.

    There is a row a track and hour, and one an SLI and hour that says: counted.
    """
    found = hours(tracks, wanted)
    slis = [(sla.name, sli.name, sli.counting) for sla in slas for sli in sla.slis]
    owners = tracks.pairs.sli.tolist()
    ids = [_series_id(tracks, track) for track in range(len(tracks))]
    computed = {owner for owner, series in zip(owners, ids, strict=True) if series == COMPUTED_SERIES}
    marks = [number for number in range(len(slis)) if number not in computed]
    numbers, n_hours = [*owners, *marks], len(found.ends)
    rest = np.zeros((len(marks), n_hours))

    def flat(counts: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([counts, rest.astype(counts.dtype)]).ravel()

    columns = {
        "hour": np.tile(np.array(found.ends, np.int64), len(numbers)),
        "hours": 1,
        "sla_name": [slis[number][0] for number in numbers for _ in found.ends],
        "sli_name": [slis[number][1] for number in numbers for _ in found.ends],
        "series_id": np.repeat(np.array([*ids, *(COMPUTED_SERIES for _ in marks)], np.int64), n_hours),
        "counting": [slis[number][2] for number in numbers for _ in found.ends],
        "n_observed": flat(found.tally.observed),
        "n_violated": flat(found.tally.violated),
        "n_no_traffic": flat(found.tally.no_traffic),
        "good_events": flat(found.tally.good),
        "total_events": flat(found.tally.total),
        "since": _since(flat(found.bits[0]), found.ends, len(numbers)),
        "observed_bits": flat(found.bits[0]),
        "violated_bits": flat(found.bits[1]),
        "no_traffic_bits": flat(found.bits[2]),
        "slot_events": [
            found.events.get((track, hour)) for track in range(len(numbers)) for hour in range(n_hours)
        ],
    }
    return columns, _violation_columns(found, tracks, [slis[owner] for owner in owners], ids)


def _since(bits: NDArray[np.int64], ends: Sequence[int], n_tracks: int) -> list[int | None]:
    lowest = _lowest_bit(bits).tolist()
    begins = [end - SLOTS_OF_HOUR * STEP_SECONDS for end in ends] * n_tracks
    return [None if at < 0 else begin + at * STEP_SECONDS for at, begin in zip(lowest, begins, strict=True)]


def _lowest_bit(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The position of the lowest bit that is set; -1 without any."""
    lowest = bits & -bits
    return np.where(bits == 0, -1, np.bitwise_count(lowest - 1).astype(np.int64))


def _violation_columns(
    found: Hours, tracks: Tracks, owners: Sequence[tuple[str, str, str]], ids: Sequence[int]
) -> Columns:
    grid, episodes = tracks.matrix.grid, found.episodes
    ends = grid.as_of + grid.step_seconds
    first, last = (ends + each * grid.step_seconds for each in (episodes.first, episodes.last))
    track = episodes.track.tolist()
    return {
        "hour": -(-first // 3600) * 3600,
        "sla_name": [owners[at][0] for at in track],
        "sli_name": [owners[at][1] for at in track],
        "series_id": [ids[at] for at in track],
        "first_slot": first,
        "last_slot": last,
        "worst": episodes.worst,
    }


def edge_sums(
    rows: Mapping[str, Sequence[Any]], slice_minutes: Sequence[int], skip: int, end: int
) -> tuple[list[Sums], list[int]]:
    """Sums over the slots of an hour but the first ``skip``, and where the first slot judged begins.

    A slice that the window cuts is in no count of slots; its events are counted.

    Args:
        rows: columns of ``sli_rollup`` of the hour that ends at ``end``.
        slice_minutes: those of the SLI of each row.
        skip: slots of the hour before the window.
        end: epoch seconds.
    """
    cut = np.array([skip + (-skip) % length for length in slice_minutes], np.int64)

    def bits(name: str) -> NDArray[np.int64]:
        return np.array([each or 0 for each in rows[name]], np.int64)

    observed, violated, idle = (bits(f"{name}_bits") for name in ("observed", "violated", "no_traffic"))
    counts = [np.bitwise_count(each >> cut).tolist() for each in (observed, violated, idle)]
    total, good = np.bitwise_count(observed >> skip), np.bitwise_count((observed & ~violated) >> skip)
    lowest = _lowest_bit((observed >> cut) << cut).tolist()
    begin = end - SLOTS_OF_HOUR * STEP_SECONDS
    sums = []
    events = zip(*counts, good.tolist(), total.tolist(), rows["slot_events"], strict=True)
    for seen, bad, none, good_slots, all_slots, slots in events:
        pair = (good_slots, all_slots) if slots is None else (sum(slots[0][skip:]), sum(slots[1][skip:]))
        sums.append((float(seen), float(bad), float(none), float(pair[0]), float(pair[1])))
    return sums, [NEVER if at < 0 else begin + at * STEP_SECONDS for at in lowest]


def joined_violations(
    parts: Sequence[Violation], lower: float = -math.inf, upper: float = math.inf
) -> tuple[Violation, ...]:
    """Violations in the order of time, those joined that touch; the worst value is the farthest outside."""
    found: list[Violation] = []
    for part in parts:
        if not found or part.start > found[-1].end + STEP_SECONDS:
            found.append(part)
            continue
        before = found.pop()
        worst = max(before.worst, part.worst, key=lambda value: _beyond(value, lower, upper))
        found.append(Violation(before.start, max(before.end, part.end), worst))
    return tuple(found)


def _beyond(value: float, lower: float, upper: float) -> float:
    return -math.inf if math.isnan(value) else max(lower - value, value - upper)


def _series_id(tracks: Tracks, track: int) -> int:
    key = tracks.key(track)
    return COMPUTED_SERIES if key is None else key.id
