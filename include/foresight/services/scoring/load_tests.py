"""A load test of a deployment: measured, stored, and taken as its defaults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.load_test import GENERATED, Cell, Grid, generate, measure, plot, recommend, spoil
from foresight.services.scoring import models
from foresight.services.scoring.places import check_header, read_file
from foresight.services.scoring.scorers import Scoring
from foresight.store.models import Change
from foresight.store.scoring import save_load_test

log = logging.getLogger(__name__)
MAX_RECORDS: Final = 100_000
"""More of a file are not read."""
MAX_CHARACTERS: Final = 64_000_000
"""Nor more of them than have so much text together: all are held in memory."""
GENERATED_SOURCE: Final = "generated"


@dataclass(frozen=True, slots=True)
class LoadTest:
    """What came out of a load test.

    ``plot`` is a picture as SVG; ``action`` is what was done to the deployment, None for nothing.
    """

    reference: str
    version: int
    cells: tuple[Cell, ...]
    recommended: Cell
    plot: bytes
    action: str | None


def run_load_test(
    scoring: Scoring,
    reference: str,
    grid: Grid,
    trace: tuple[str, str],
    change: Change,
    *,
    file: str | None = None,
    keep: bool = True,
    on_cell: Callable[[Cell], None] | None = None,
) -> LoadTest:
    """Measures each cell of the grid, stores the figures under ``trace``, and the best ones as defaults.

    Args:
        reference: ``name@alias``.
        grid: what is tried.
        trace: DAG and run, or command and call: the same again replaces what it stored.
        change: who does it, when and why.
        file: records to score; without one, they are generated from the signature.
        keep: whether the deployment takes the recommended bundle size and workers as its defaults.
        on_cell: called with each cell as soon as it is done.

    Raises ``NotFound``, ``InvalidMapping``, and ``FinalError`` where the deployment changed meanwhile.
    """
    deployed = scoring.deployed(reference)
    given, reads_text = read_file(file) if file else (None, False)
    scorer = scoring.scorer(deployed.model, deployed.sha256, deployed.mapping(), reads_text=reads_text)
    if given is None:
        records: list[Any] = generate(scorer.mapping, GENERATED, grid.seed)
    else:
        check_header(file or "", scorer.mapping)
        records = list(_some(given))
        if not records:
            raise InvalidMapping(f"{file} has no records to measure with")
    spoilt = spoil(records, scorer.mapping, grid.error_share, grid.seed)
    cells: list[Cell] = []
    for cell in measure(scorer, spoilt, grid):
        log.info("%s", _line(cell))
        cells.append(cell)
        if on_cell is not None:
            on_cell(cell)
    best = recommend(cells)
    facts = {
        "dag_id": trace[0], "run_id": trace[1], "name": deployed.name, "alias": deployed.alias,
        "version": deployed.version, "source": file or GENERATED_SOURCE, "error_share": grid.error_share,
        "measured_at": change.at,
    }  # fmt: skip
    rows = [{**facts, **_columns(cell), "is_recommended": cell == best} for cell in cells]
    scoring.store.transact(lambda connection: save_load_test(connection, rows))
    picture = plot(cells, f"{deployed.name}@{deployed.alias}, version {deployed.version}")
    action = None
    if keep:
        settings = {"bundle_size": best.bundle_size, "workers": best.workers}
        action = models.configure(scoring, reference, change, deployed.version, settings)
    log.info("recommended: bundle size %d, %d workers", best.bundle_size, best.workers)
    return LoadTest(reference, deployed.version, tuple(cells), best, picture, action)


def _columns(cell: Cell) -> dict[str, Any]:
    """The columns of a cell; that of its workers keeps the old name for one release."""
    return {"senders" if name == "workers" else name: value for name, value in asdict(cell).items()}


def _line(cell: Cell) -> str:
    return (
        f"bundle size {cell.bundle_size}, {cell.workers} workers: {cell.records_per_second:,.0f} records/s, "
        f"{cell.n_good} good, {cell.n_bad} bad, latency {cell.latency_p50_ms:.2f} ms, "
        f"99th {cell.latency_p99_ms:.2f} ms"
    )


def _some(records: Iterable[Any]) -> Iterator[Any]:
    """The first of the records, as many as a test may hold."""
    n_characters = 0
    for record in islice(records, MAX_RECORDS):
        n_characters += len(str(record))
        if n_characters > MAX_CHARACTERS:
            return
        yield record
