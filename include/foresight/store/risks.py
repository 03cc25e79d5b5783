"""The risk of SLIs: written by the run that has the samples in memory, read by evaluation and others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from foresight.store.bulk import upsert
from foresight.store.column_types import Instant
from foresight.store.columns import Columns
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import sli_risk

_NAMES_AT_ONCE: Final = 500


def save_risks(connection: Connection, columns: Columns) -> int:
    """Writes risks and says how many; what was stored under the same key is replaced.

    Args:
        connection: inside the transaction of ``Store.transact`` that writes the samples they rest on.
        columns: those of ``sli_risk``.
    """
    return upsert(connection, sli_risk, columns)


def load_risks(
    connection: Connection,
    as_of: int,
    sla_names: Sequence[str],
    names: Sequence[str] = (),
    horizon_minutes: int | None = None,
) -> dict[str, list[Any]]:
    """Columns of ``sli_risk`` at one as-of, of these SLAs; instants are epoch seconds.

    Args:
        connection: of ``Store.read`` or ``Store.transact``.
        as_of: epoch seconds.
        sla_names: the SLAs.
        names: the columns wanted; all of them where none is named.
        horizon_minutes: one horizon; None is every one.
    """
    chosen = names or sli_risk.c.keys()
    columns = [sli_risk.c[name] for name in chosen]
    query = select(*(epoch(c).label(c.name) if isinstance(c.type, Instant) else c for c in columns))
    query = query.where(sli_risk.c.as_of == as_of)
    if horizon_minutes is not None:
        query = query.where(sli_risk.c.horizon_minutes == horizon_minutes)
    found: dict[str, list[Any]] = {name: [] for name in chosen}
    for chunk in _chunks(sla_names):
        part = read_columns(connection, query.where(sli_risk.c.sla_name.in_(chunk)))
        for name, values in zip(chosen, part, strict=True):
            found[name].extend(values)
    return found


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]
