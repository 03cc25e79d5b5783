"""A load test of a deployment: measured, stored, and taken as its defaults. One function for every door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from foresight.orchestration import staging
from foresight.orchestration.connections import prepare_results
from foresight.orchestration.scoring import models
from foresight.orchestration.scoring.deployments import open_deployment, scorer_of
from foresight.orchestration.scoring.places import read_file
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.load_test import GENERATED, Cell, Grid, generate, measure, plot, recommend, spoil
from foresight.store.models import Change
from foresight.store.scoring import save_load_test

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
MAX_RECORDS: Final = 100_000
"""More of a file are not read."""
GENERATED_SOURCE: Final = "generated"


@dataclass(frozen=True, slots=True)
class LoadTest:
    """What came out of a load test; ``action`` is what was done to the deployment, None for nothing."""

    reference: str
    version: int
    cells: tuple[Cell, ...]
    recommended: Cell
    plot: str
    action: str | None


def run_load_test(
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
        keep: whether the deployment takes the recommended bundle size and senders as its defaults.
        on_cell: told each cell as soon as it is done.

    Raises ``NotFound``, ``InvalidMapping``, and ``FinalError`` where the deployment changed meanwhile.
    """
    store = prepare_results()
    deployed = open_deployment(store, reference)
    given, reads_text = read_file(file) if file else (None, False)
    scorer = scorer_of(deployed.model, deployed.mapping(), reads_text=reads_text)
    if given is None:
        records: list[Any] = generate(scorer.mapping, GENERATED, grid.seed)
    else:
        records = list(islice(given, MAX_RECORDS))
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
    rows = [{**facts, **asdict(cell), "is_recommended": cell == best} for cell in cells]
    store.transact(lambda connection: save_load_test(connection, rows))
    where = _save_plot(trace, plot(cells, f"{deployed.name}@{deployed.alias}, version {deployed.version}"))
    action = None
    if keep:
        settings = {"bundle_size": best.bundle_size, "senders": best.senders}
        action = models.configure(reference, change, deployed.version, settings)
    log.info("recommended: bundle size %d, %d senders; plot at %s", best.bundle_size, best.senders, where)
    return LoadTest(reference, deployed.version, tuple(cells), best, where, action)


def _line(cell: Cell) -> str:
    return (
        f"bundle size {cell.bundle_size}, {cell.senders} senders: {cell.records_per_second:,.0f} records/s, "
        f"{cell.n_good} good, {cell.n_bad} bad, latency {cell.latency_p50_ms:.2f} ms, "
        f"99th {cell.latency_p99_ms:.2f} ms"
    )


def _save_plot(trace: tuple[str, str], picture: bytes) -> str:
    """The same run writes the same file."""
    target = staging.root() / staging.run_folder(*trace) / "load.svg"
    staging.write_bytes(target, picture)
    return str(target)


def load_test(context: Context) -> dict[str, Any]:
    """The step of ``scoring_load_test``; answers what it recommends and where the plot is."""
    params, run = context["params"], context["dag_run"]
    grid = Grid(
        tuple(params["bundle_sizes"]), tuple(params["senders"]), params["seconds"], params["error_share"]
    )
    by = getattr(run, "triggering_user_name", None) or run.dag_id
    change = Change(by, int(run.run_after.timestamp()), f"load test {run.run_id}")
    found = run_load_test(
        params["deployment"], grid, (run.dag_id, run.run_id), change, file=params["file"], keep=params["keep"]
    )
    return {
        "version": found.version, "bundle_size": found.recommended.bundle_size,
        "senders": found.recommended.senders, "plot": found.plot, "action": found.action or "nothing",
        "records_per_second": round(found.recommended.records_per_second),
    }  # fmt: skip
