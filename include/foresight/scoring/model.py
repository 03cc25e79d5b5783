"""What every model runtime offers, and where a kind of model finds its runtime.

A runtime takes columns by name and gives columns by name, with a reason for each record that it could not
score. How to add one: write ``load(source) -> ScoringModel`` in a folder of its own, enter it in ``KINDS``,
and name it in the contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Protocol

from numpy.typing import NDArray

from foresight.scoring.errors import InvalidModel, UnsupportedModel


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
    the model has no value of its own for a missing one.
    """

    name: str
    data_type: str
    is_mandatory: bool = True
    values: tuple[str | float, ...] = ()
    bounds: tuple[Bounds, ...] = ()


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
        """Score n records given as columns of one length; a column that is not given is missing."""
        ...


def _load_pmml(source: bytes | Path) -> ScoringModel:
    from foresight.scoring.pmml.runtime import load

    return load(source)


def _load_onnx(source: bytes | Path) -> ScoringModel:
    from foresight.scoring.onnx.runtime import load

    return load(source)


def _load_sklearn(source: bytes | Path) -> ScoringModel:
    from foresight.scoring.sklearn.runtime import load

    return load(source)


def _load_keras(source: bytes | Path) -> ScoringModel:
    from foresight.scoring.keras.runtime import load

    return load(source)


KINDS: Mapping[str, Callable[[bytes | Path], ScoringModel]] = {
    "pmml": _load_pmml,
    "onnx": _load_onnx,
    "sklearn": _load_sklearn,
    "keras": _load_keras,
}
ENDINGS: Mapping[str, str] = {
    ".pmml": "pmml",
    ".xml": "pmml",
    ".onnx": "onnx",
    ".skops": "sklearn",
    ".keras": "keras",
}
_PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".dill"})


def kind_of(file: str) -> str:
    """The kind of a model by the ending of its file. Raises ``UnsupportedModel``."""
    ending = PurePath(file).suffix.lower()
    if ending in _PICKLES:
        raise UnsupportedModel(
            f"a {ending} file", "runs code of its author when it is read: save the model with skops.io.dump"
        )
    if ending in {".h5", ".hdf5"}:
        raise UnsupportedModel(f"a {ending} file", "has no safe mode: save the model as .keras")
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise UnsupportedModel(
            f"the ending {ending!r}", f"names no kind: use {known}, or say which kind it is"
        )
    return ENDINGS[ending]


def load_model(source: bytes | str | Path, kind: str | None = None) -> ScoringModel:
    """A model from its bytes or from a file; without a kind, by the ending of the file, PMML for bytes.

    Raises ``UnsupportedModel`` for a kind, an element or a value that is not supported, and ``InvalidModel``
    for what is broken or hostile.
    """
    if kind is None:
        kind = "pmml" if isinstance(source, bytes) else kind_of(str(source))
    if kind not in KINDS:
        raise UnsupportedModel(f"kind {kind!r}", f"is not supported, only {', '.join(sorted(KINDS))}")
    if isinstance(source, str | Path):
        source = Path(source)
        if not source.is_file():
            raise InvalidModel(f"there is no file {source}")
    return KINDS[kind](source)
