"""A store with one gauge, spiking every half hour, and an SLA over it."""

from __future__ import annotations

import numpy as np

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.slas import stored_sla
from foresight.sla.definition_rows import definition_rows
from foresight.sla.definitions import Sla, Sli
from foresight.store import Store, apply_slas, save_samples, save_series

AS_OF = 1_764_300_000 - 1_764_300_000 % 86_400
SLA = Sla(
    "shop",
    (
        Sli("load", "load", upper=25.0, objective=0.9, windows=(60, 720)),
        Sli("wide", "load", upper=100.0, objective=0.9, windows=(60, 720)),
    ),
)


def spikes(n_series: int, n_slots: int, seed: int = 1) -> np.ndarray:
    """Noise around 10 with two minutes of 40 every half hour."""
    noise = np.random.default_rng(seed).standard_normal((n_series, n_slots))
    return 10 + noise + 30 * (np.arange(n_slots) % 30 < 2)


def fill(store: Store, values: np.ndarray, as_of: int = AS_OF, sla: Sla = SLA) -> None:
    """Stores series of the metric ``load`` whose last slot is as-of, and makes the SLA active."""
    keys = tuple(SeriesKey.of("load", {"host": f"h{at}"}) for at in range(len(values)))
    matrix = SeriesMatrix(keys, Grid(as_of, values.shape[1]), values)

    def work(connection: object) -> None:
        save_series(connection, matrix, ["default"] * len(keys))  # type: ignore[arg-type]
        save_samples(connection, matrix, matrix.grid.n_slots)  # type: ignore[arg-type]
        given = [(stored_sla(sla), definition_rows(sla))]
        apply_slas(connection, given, applied_at=0, applied_by="me")  # type: ignore[arg-type]

    store.transact(work)
