"""Why an SLI has the probability that its newest status shows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from foresight.services.slas import read_active
from foresight.store import Store
from foresight.store.tables import sli_risk, sli_status


@dataclass(frozen=True, slots=True)
class Explained:
    """One SLI at its newest as-of, of the series that decides; without a probability, the reason."""

    sla: str
    sli: str
    horizon_minutes: int
    probability: float | None
    calibrator: str
    sentences: tuple[str, ...]


def explain_status(store: Store, name: str | None = None) -> list[Explained]:
    """The explanations that were stored with the newest predictions, of one SLA or of each.

    An SLI whose risk was not stored has none. Raises ``NotFound`` for a name that no SLA has.
    """

    def work(connection: Connection) -> list[Explained]:
        slas = read_active(connection).choose([name] if name else ())
        return [line for sla in slas for line in _of_sla(connection, sla.name)]

    return store.read(work)


def _of_sla(connection: Connection, name: str) -> list[Explained]:
    status, risk = sli_status.c, sli_risk.c
    query = select(status.as_of).where(status.sla_name == name).order_by(status.as_of.desc()).limit(1)
    as_of = connection.execute(query).scalar()
    if as_of is None:
        return []
    worst = {
        row.sli_name: row.worst_series_id
        for row in connection.execute(
            select(status.sli_name, status.worst_series_id).where(
                status.sla_name == name, status.as_of == as_of
            )
        )
    }
    names = (
        "sli_name", "series_id", "horizon_minutes", "probability", "reason", "explanation", "calibrator",
    )  # fmt: skip
    rows = connection.execute(
        select(*(risk[each] for each in names))
        .where(risk.as_of == as_of, risk.sla_name == name)
        .order_by(risk.sli_name, risk.horizon_minutes)
    )
    return [
        Explained(
            name, row.sli_name, row.horizon_minutes, row.probability, row.calibrator,
            tuple(row.explanation or ([row.reason] if row.reason else [])),
        )
        for row in rows
        if worst.get(row.sli_name) in {None, row.series_id} or row.series_id == 0
    ]  # fmt: skip
