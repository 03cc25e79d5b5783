"""Where names live: a scope at compile time, a frame of columns when records are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidModel
from foresight.scoring.pmml.values import Column, Flags

Rows = NDArray[np.intp]
Compute = Callable[["Frame"], Column]


@dataclass(frozen=True, slots=True)
class FieldType:
    """What is known of a name when a model is compiled; ``values`` are the declared categories, in order."""

    data_type: str
    optype: str
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Function:
    """A function that the document defines: parameters and body."""

    parameters: tuple[str, ...]
    body: Compute
    data_type: str
    size: int


@dataclass(slots=True)
class Scope:
    """Names that a part of a model may use; what is not here is looked for in ``parent``."""

    parent: Scope | None = None
    fields: dict[str, FieldType] = field(default_factory=dict)
    derived: dict[str, Compute] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    singles: dict[str, Any] = field(default_factory=dict)

    def single(self, name: str) -> Any:
        """The computation of a derived field over one row, or None."""
        return self.singles.get(name) or (self.parent.single(name) if self.parent else None)

    def is_derived(self, name: str) -> bool:
        """Whether a name is a derived field."""
        return name in self.derived or (self.parent is not None and self.parent.is_derived(name))

    def find(self, name: str) -> FieldType:
        """The type of a name; raises ``InvalidModel`` for one that nothing defines."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.fields:
                return scope.fields[name]
            scope = scope.parent
        raise InvalidModel(f"field {name[:80]!r} is used but not defined")

    def function(self, name: str) -> Function | None:
        """A function of the document, or None."""
        return self.functions.get(name) or (self.parent.function(name) if self.parent else None)


class Problems:
    """What is wrong with each record, every reason of it."""

    def __init__(self) -> None:
        self.by_row: dict[int, str] = {}

    def add(self, rows: Rows | None, wrong: Flags, reason: str) -> None:
        """Note ``reason`` for the records where ``wrong``."""
        for row in np.flatnonzero(wrong).tolist():
            place = row if rows is None else int(rows[row])
            known = self.by_row.get(place)
            self.by_row[place] = reason if known is None or known == reason else f"{known}; {reason}"


class Frame:
    """Columns of n records by name; derived fields are computed when first asked for."""

    def __init__(
        self,
        n: int,
        problems: Problems,
        *,
        parent: Frame | None = None,
        rows: Rows | None = None,
        derived: dict[str, Compute] | None = None,
    ) -> None:
        self.n = n
        self.problems = problems
        self.columns: dict[str, Column] = {}
        self._parent, self._rows, self._derived = parent, rows, derived or {}

    def column(self, name: str) -> Column:
        """A field's values; raises ``InvalidModel`` for an unknown one."""
        found = self.columns.get(name)
        if found is None:
            found = self.columns[name] = self._resolve(name)
        return found

    def _resolve(self, name: str) -> Column:
        compute = self._derived.get(name)
        if compute is not None:
            return compute(self)
        if self._parent is None:
            raise InvalidModel(f"field {name[:80]!r} has no values here")
        column = self._parent.column(name)
        return column if self._rows is None else column.take(self._rows)

    def inner(self, derived: dict[str, Compute]) -> Frame:
        """A frame for a model inside this one: sees all, adds its own."""
        return Frame(self.n, self.problems, parent=self, derived=derived)

    def subset(self, rows: Rows) -> Frame:
        """These records only."""
        return Frame(len(rows), self.problems, parent=self, rows=rows)

    def report_one(self, row: int, reason: str) -> None:
        """Say what is wrong with one of these records."""
        wrong = np.zeros(self.n, bool)
        wrong[row] = True
        self.report(wrong, reason)

    def report(self, wrong: Flags, reason: str) -> None:
        """Say what is wrong with some of these records."""
        if not wrong.any():
            return
        rows: Rows | None = None
        frame: Frame | None = self
        while frame is not None:
            if frame._rows is not None:
                rows = frame._rows if rows is None else frame._rows[rows]
            frame = frame._parent
        self.problems.add(rows, wrong, reason)


def frame_of(scope: Scope | None, problems: Problems, columns: dict[str, Column], n: int) -> Frame:
    """A frame with these columns, and the derived fields of a scope and of all around it."""
    around = Frame(n, problems) if scope is None else frame_of(scope.parent, problems, columns, n)
    frame = around.inner({} if scope is None else scope.derived)
    # On every level, as a derived field asks for columns on its own.
    frame.columns.update(columns)
    return frame
