"""What every model runtime offers.

A runtime takes columns by name and gives columns by name, with a reason for each record that it could not
score. Which there are, and how to add one: ``foresight.scoring.kinds``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers from ``low`` to ``high``; a margin belongs to them unless it is open."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def hold(self, value: float) -> bool:
        """Whether ``value`` lies inside."""
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)


@dataclass(frozen=True, slots=True)
class InputField:
    """A field that a model reads.

    ``values`` and ``bounds`` are the values that it accepts, both empty for any; a field is mandatory where
    the model has no value of its own for a missing one. ``allows_missing``: it can be run without a value.
    """

    name: str
    data_type: str
    is_mandatory: bool = True
    values: tuple[str | float, ...] = ()
    bounds: tuple[Bounds, ...] = ()
    allows_missing: bool = True

    def check(self, raw: Any) -> tuple[Any, str] | None:  # noqa: ARG002 (for runtimes to override)
        """What the model itself makes of a value, where it knows more than type, values and bounds.

        The value, None for one that counts as missing, or the reason why it cannot be; never both.
        """
        return None


@dataclass(frozen=True, slots=True)
class OutputField:
    """A field that a model writes into a prediction."""

    name: str
    data_type: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes in and what comes out."""

    inputs: tuple[InputField, ...]
    outputs: tuple[OutputField, ...]


@dataclass(slots=True)
class Scored:
    """Columns of n records; ``errors`` gives the reason, by place, for each record without a prediction.

    ``columns`` holds every output of the signature and, under the name of the target, the predicted value.
    """

    columns: dict[str, NDArray[Any]]
    errors: dict[int, str] = field(default_factory=dict)

    def records(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """One prediction a record, of these columns, as plain Python values; NaN as None."""
        columns = [_plain(self.columns[name]) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(column: NDArray[Any]) -> list[Any]:
    items: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        return [None if item != item else item for item in items]  # NaN
    return items


class Decisions(Protocol):
    """A model that is a few questions about single fields: it can be written out as code.

    ``lines`` writes nested conditions over variables that hold the
    fields, each ending in the line that ``end`` gives for the place of an answer.
    """

    @property
    def predictions(self) -> Sequence[Mapping[str, Any]]:
        """Every possible answer."""
        ...

    def lines(
        self, variables: Mapping[str, str], end: Callable[[int], str], *, missing: bool
    ) -> list[str] | None:
        """The code, or None where it would be too long; with ``missing`` a variable may be None."""
        ...


class ScoringModel(Protocol):
    """A model, loaded and ready."""

    @property
    def kind(self) -> str:
        """Its kind, a key of ``KINDS``."""
        ...

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""
        ...

    @property
    def decisions(self) -> Decisions | None:
        """The model as questions, or None."""
        ...

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Scored:
        """Score n records given as columns of one length; a column that is not given is missing.

        Columns that the model does not know are not looked at, but say how many records there are.
        """
        ...
