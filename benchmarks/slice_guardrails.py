"""Guardrails of slices: no limit broken, nothing nearer, how fast, and where capacity is after 30 days.

    python -m benchmarks.slice_guardrails [--json] [--rows 10000000] [--cases 100000] [--enumerated 2000]
                                          [--days 30] [--docs docs/slices.md]

Rows are random cells of every kind; each limit that is broken counts. Cases are random slices whose answer
is compared with an independent dynamic programme over all sums; that one is compared with enumeration on
slices of at most 4 cells. Times are the medians of one call on 5,000 cells, in one thread. ``--docs`` writes
the table of days into a page, between its marks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from tests.unit.slices import nearest_changes
from threadpoolctl import threadpool_limits

from foresight.slices.endurance import Scenario, endure
from foresight.slices.guardrails import Limits, breaches, guard

N_CELLS = 5_000
AT_ONCE = 500
MARKS = "<!-- days: begin -->", "<!-- days: end -->"


def check_rows(n: int) -> dict[str, int]:
    """Random cells of all kinds, with and without a smallest change."""
    rng = np.random.default_rng(n)
    found = {"rows": 0, "sent": 0, "breaches": 0}
    while found["rows"] < n:
        size = min(1_000_000, n - found["rows"])
        of = rng.integers(0, max(1, size // int(rng.integers(1, 40))), size)
        previous = np.floor(10 ** rng.uniform(0, rng.integers(2, 9), size))
        predicted = previous * rng.uniform(0, rng.uniform(1, 3), size)
        previous[rng.random(size) < 0.02] = rng.choice([0, np.nan, -3, 1.5, np.inf])
        predicted[rng.random(size) < 0.02] = rng.choice([np.nan, np.inf, -1])
        limits = Limits(minimum_share=float(rng.choice([0, 0.05])))
        decided = guard(of, previous, predicted, limits)
        rows = np.isfinite(decided.final)
        found["breaches"] += int(breaches(of[rows], previous[rows], decided.final[rows], limits).sum())
        found["sent"] += int(decided.is_sent.sum())
        found["rows"] += size
        say(f"{found['rows']:,} of {n:,} rows, {found['breaches']} breaches")
    return found


def cases(seed: int, n: int, most_cells: int, largest: int) -> list[list[nearest_changes.Cell]]:
    """Random slices: previous values and predictions, some of them alike, on both sides or on one."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        size = int(rng.integers(1, most_cells + 1))
        previous = rng.integers(1, rng.integers(2, largest + 1), size)
        predicted = previous * rng.normal(rng.choice([0.9, 1.0, 1.1, 1.3]), 0.2, size).clip(0)
        if rng.random() < 0.3:
            predicted = np.round(predicted * 4) / 4  # ties
        made.append(list(zip(previous.tolist(), predicted.tolist(), strict=True)))
    return made


def same_as_by_sums(seed: int, n: int, most_cells: int, largest: int) -> int:
    """How many of ``n`` cases are allowed and as near as the slow programme says."""
    return sum(_is_nearest(case) for case in cases(seed, n, most_cells, largest))


def _is_nearest(case: list[nearest_changes.Cell]) -> bool:
    got = guard([7] * len(case), *zip(*case, strict=True))
    changes = [int(final) - previous for final, (previous, _) in zip(got.final, case, strict=True)]
    found = float(nearest_changes.distance(case, changes))
    nearest = nearest_changes.by_sums(case)
    return nearest_changes.is_allowed(case, changes) and bool(
        np.isclose(found, nearest, rtol=1e-9, atol=1e-9)
    )


def same_as_enumeration(seed: int, n: int) -> int:
    """In how many cases of at most 4 cells the slow programme says what enumeration says."""
    return sum(
        bool(
            np.isclose(nearest_changes.by_sums(case), float(nearest_changes.by_enumeration(case)), 1e-9, 1e-9)
        )
        for case in cases(seed, n, 4, 60)
    )


def check_cases(n: int, n_enumerated: int) -> dict[str, int]:
    """All cases on every core."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sizes = [min(AT_ONCE, n - first) for first in range(0, n, AT_ONCE)]
        args = range(len(sizes)), sizes, [14] * len(sizes), [300] * len(sizes)
        same = 0
        for done, part in enumerate(pool.map(same_as_by_sums, *args), 1):
            same += part
            say(f"{min(n, done * AT_ONCE):,} of {n:,} cases, {same:,} equal")
        parts = [min(AT_ONCE, n_enumerated - first) for first in range(0, n_enumerated, AT_ONCE)]
        enumerated = sum(pool.map(same_as_enumeration, range(10_000, 10_000 + len(parts)), parts))
    return {"cases": n, "cases_equal": same, "enumerated": n_enumerated, "enumerated_equal": enumerated}


def gaps() -> dict[str, float]:
    """The largest stated gap of slices with 200 and 1,000 cells, values to 2,000 and to 1,000,000."""
    found = {}
    for n in (200, 1000):
        worst = 0.0
        for seed in range(50):
            rng = np.random.default_rng(seed)
            previous = np.floor(10 ** rng.uniform(2, rng.choice([3.3, 6.0]), n))
            predicted = previous * rng.normal(rng.choice([0.85, 1.1, 1.2]), rng.choice([0.05, 0.2]), n)
            worst = max(worst, float(guard([0] * n, previous, predicted.clip(0)).gap.max()))
        found[f"gap_{n}_cells"] = worst
    return found


def times() -> dict[str, float]:
    """Median milliseconds of one call on 5,000 cells, in one slice and spread over 200."""
    rng = np.random.default_rng(1)
    previous = rng.integers(90, 140, N_CELLS).astype(float)
    predicted = previous * rng.normal(1.12, 0.15, N_CELLS)
    found = {}
    for n_slices in (1, 20, 200):
        of = np.arange(N_CELLS) % n_slices
        taken = []
        for _ in range(21):
            started = time.perf_counter()
            guard(of, previous, predicted)
            taken.append(time.perf_counter() - started)
        found[f"ms_{N_CELLS}_cells_{n_slices}_slices"] = round(median(taken[1:]) * 1e3, 2)
    return found


def days(n_days: int) -> tuple[dict[str, float], str]:
    """Where capacity ends up in each scenario, with the envelope and with the limits of one step alone."""
    figures, lines = {}, []
    for scenario in Scenario:
        shares = []
        for envelope in ({}, {"envelope": None}):
            found = endure(scenario, n_days, **envelope)  # type: ignore[arg-type]
            shares += [found.lowest, found.highest]
        name = f"{scenario}".lower()
        figures |= {f"{name}_lowest": round(shares[0], 3), f"{name}_highest": round(shares[1], 3)}
        without = f"{shares[2]:.2f} to {shares[3]:,.2f}"
        lines.append(f"| {name.replace('_', ' ')} | {shares[0]:.2f} to {shares[1]:.2f} | {without} |")
    head = f"| {n_days} days of | with the envelope | with the limits of a step alone |\n| --- | --- | --- |"
    return figures, "\n".join([head, *lines])


def write_table(page: Path, table: str) -> None:
    """Replaces what stands between the marks of a page."""
    text = page.read_text()
    begin, end = (text.index(mark) for mark in MARKS)
    page.write_text(f"{text[: begin + len(MARKS[0])]}\n{table}\n{text[end:]}")


def say(text: str) -> None:
    """Progress, beside the figures."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measures and checks; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--enumerated", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--docs", type=Path, help="page to write the table of days into")
    given = parser.parse_args()
    threadpool_limits(1)
    simulated, table = days(given.days)
    figures: dict[str, float] = {**times(), **gaps(), **simulated}
    figures |= check_cases(given.cases, given.enumerated) | check_rows(given.rows)
    if given.docs is not None:
        write_table(given.docs, table)
    if not given.json:
        print(table)
        for name, value in figures.items():
            print(f"{name:>32} {value:g}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
