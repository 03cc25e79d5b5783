"""Holds and releases by hand: a held slice, or a slice in a held cell, keeps its capacity until released."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from foresight.errors import InvalidDocument, Mistake, NotFound
from foresight.slices.identifiers import LONGEST_NAME, LONGEST_SLICE, normal_form
from foresight.store import Store
from foresight.store.slices import HOLD_LOCK, Cell, Rows, holds, save_rows
from foresight.store.tables import slice_hold

_LONGEST_REASON: Final = 1000


def hold(store: Store, cell: Cell, *, at: int, by: str, reason: str) -> bool:
    """Holds a slice, a slice in a gNB-CU, or a slice in a cell, and records who did it and why.

    ``cell``: slice in any spelling, gNB-CU and cell, empty for all. ``at``: epoch seconds. Says whether it
    was not held before. Raises ``InvalidDocument`` where a name or the reason is missing or too long.
    """
    return _change(store, cell, at=at, by=by, reason=reason, is_held=True)


def release(store: Store, cell: Cell, *, at: int, by: str, reason: str) -> bool:
    """Releases what ``hold`` held under the same names.

    Says whether it was held until now. A release also lets a change that was not applied be sent again.
    Raises ``NotFound`` where nobody ever held it; ``InvalidDocument`` as ``hold`` does.
    """
    return _change(store, cell, at=at, by=by, reason=reason, is_held=False)


def list_holds(store: Store) -> Rows:
    """Everything that somebody holds or has released, by slice, gNB-CU and cell."""
    return store.read(holds)


def _change(store: Store, cell: Cell, *, at: int, by: str, reason: str, is_held: bool) -> bool:
    key = (normal_form(cell[0]), cell[1].strip(), cell[2].strip())
    _check(key, reason)

    def work(connection: Connection) -> bool:
        before = {(row.snssai, row.cu, row.cell): bool(row.is_held) for row in holds(connection)}
        if not is_held and key not in before:
            raise NotFound(f"nobody holds slice {key[0]}, gNB-CU {key[1] or 'any'}, cell {key[2] or 'any'}")
        row = {
            "snssai": key[0], "cu": key[1], "cell": key[2], "is_held": is_held, "changed_at": at,
            "changed_by": by[:LONGEST_NAME], "reason": reason.strip(),
        }  # fmt: skip
        save_rows(connection, slice_hold, [row])
        return before.get(key, False) != is_held

    return store.transact(work, lock=HOLD_LOCK)


def _check(key: Cell, reason: str) -> None:
    named = zip(("slice", "gNB-CU", "cell"), key, (LONGEST_SLICE, LONGEST_NAME, LONGEST_NAME), strict=True)
    mistakes = [
        Mistake("", 0, name, f"at most {longest} printable characters, got {value[:40]!r}")
        for name, value, longest in named
        if len(value) > longest or not value.isprintable()
    ]
    if not key[0]:
        mistakes.append(Mistake("", 0, "slice", "name the slice"))
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        mistakes.append(Mistake("", 0, "reason", f"say why, in 1 to {_LONGEST_REASON} characters"))
    if mistakes:
        raise InvalidDocument(mistakes)
