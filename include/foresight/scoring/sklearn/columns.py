"""What an estimator wants in each of its columns, read from the steps that a column passes one by one.

An encoder says which texts, truth values or numbers it was fitted with; an imputer in front of it whose gaps
are filled; a booster that it has a rule of its own for gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from foresight.scoring.plain_values import is_nan
from foresight.scoring.rows import Tensor

_ENCODERS: Final = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
_KEEP: Final = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer",
                "QuantileTransformer", "FunctionTransformer")  # fmt: skip
"""They make one column of one column, and a gap of a gap."""


@dataclass
class _Wish:
    """What is known of one column: its type, the values that it may have, who does what with a gap."""

    types: list[str] = field(default_factory=list)
    values: tuple[Any, ...] = ()
    is_needed: bool = False
    fills: list[bool] = field(default_factory=list)


def tensors_of(model: Any, names: Sequence[str], *, allows_missing: bool) -> list[Tensor]:
    """One tensor a column. ``allows_missing``: the model as a whole takes NaN."""
    return [_tensor(name, _wish(model, place, names), allows_missing) for place, name in enumerate(names)]


def _wish(model: Any, place: int, names: Sequence[str]) -> _Wish:
    wish = _Wish()
    for path in _paths(model, place, names):
        wish.is_needed = True
        _look(path, wish)
    return wish


def _tensor(name: str, wish: _Wish, allows_missing: bool) -> Tensor:
    if not wish.is_needed:
        return Tensor(name, np.dtype(np.float64), allows_missing=True, is_mandatory=False, is_unused=True)
    fills = bool(wish.fills) and all(wish.fills)
    kind = wish.types[0] if wish.types else "f"
    dtype = {"O": np.dtype(object), "b": np.dtype(np.bool_)}.get(kind, np.dtype(np.float64))
    missing = (allows_missing or fills) and kind != "b"
    return Tensor(name, dtype, (), wish.values, missing, not (fills and missing), takes_truth=kind == "f")


def _look(path: list[tuple[Any, int]], wish: _Wish) -> None:
    """Notes what one way of a column through the steps says of it."""
    fills = False
    for estimator, place in path:
        name = type(estimator).__name__
        if name.endswith("Imputer"):
            fills = True
            kind = getattr(getattr(estimator, "_fit_dtype", None), "kind", "f")
            if kind in "OU":
                wish.types.append("O")
        elif name in _ENCODERS:
            learnt = _categories(estimator.categories_[place], wish, _is_strict(estimator))
            fills = fills or learnt or _tolerates_gaps(estimator)
            break
        elif name.startswith("HistGradientBoosting"):
            fills = True
            _look_at_booster(estimator, place, wish)
            break
        elif name not in _KEEP:
            break
    wish.fills.append(fills)


def _is_strict(encoder: Any) -> bool:
    return getattr(encoder, "handle_unknown", "ignore") == "error"


def _tolerates_gaps(encoder: Any) -> bool:
    """Whether a gap is an unknown category like any other: the encoder was told what to make of those."""
    return type(encoder).__name__ != "TargetEncoder" and not _is_strict(encoder)


def _categories(categories: Any, wish: _Wish, is_strict: bool) -> bool:
    """Notes type and values of categories; whether a gap is one of them."""
    given = [one for one in categories.tolist() if not (one is None or is_nan(one))]
    kinds = {type(one) for one in given}
    if kinds <= {bool}:
        wish.types.append("b")
    elif kinds <= {int, float, bool}:
        wish.types.append("n")
        wish.values = tuple(float(one) for one in given) if is_strict else ()
    else:
        wish.types.append("O")
        wish.values = tuple(str(one) for one in given) if is_strict else ()
    return len(given) < len(categories)


def _look_at_booster(booster: Any, place: int, wish: _Wish) -> None:
    before = getattr(booster, "_preprocessor", None)
    if before is None:
        return
    for name, encoder, columns in before.transformers_:
        chosen = (
            np.flatnonzero(columns) if getattr(columns, "dtype", None) == np.bool_ else np.asarray(columns)
        )
        if name == "encoder" and place in chosen.tolist():
            _categories(encoder.categories_[chosen.tolist().index(place)], wish, False)


def _paths(model: Any, place: int, names: Sequence[str]) -> Iterator[list[tuple[Any, int]]]:
    """Each way of a column through steps that keep it one column; none where it is dropped."""
    name = type(model).__name__
    if name == "Pipeline":
        yield from _through([step for _, step in model.steps], place, names)
    elif name == "ColumnTransformer":
        for part, inner, _ in _parts(model, place, names):
            if part == "passthrough":
                yield []
            elif not isinstance(part, str):
                yield from _paths(part, inner, _names_of(part))
    else:
        yield [(model, place)]


def _through(steps: list[Any], place: int, names: Sequence[str]) -> Iterator[list[tuple[Any, int]]]:
    if not steps:
        yield []
        return
    step, *rest = steps
    if isinstance(step, str) or step is None:  # passthrough
        yield from _through(rest, place, names)
        return
    for path, after in _step(step, place, names):
        if after is None or not rest:
            yield path
        else:
            for more in _through(rest, after, []):
                yield path + more


def _step(step: Any, place: int, names: Sequence[str]) -> Iterator[tuple[list[tuple[Any, int]], int | None]]:
    """Each way through one step, with the column that comes out of it; None where it is no single one."""
    name = type(step).__name__
    if name == "ColumnTransformer":
        for part, inner, start in _parts(step, place, names):
            if part == "passthrough":
                yield [], start + inner
            elif not isinstance(part, str):
                for path in _paths(part, inner, _names_of(part)):
                    after = _kept(path, inner)
                    yield path, None if after is None else start + after
    elif hasattr(step, "get_support"):
        support = np.asarray(step.get_support())
        if support[place]:
            yield [], int(support[:place].sum())
    else:
        yield [(step, place)], _kept([(step, place)], place)


def _kept(path: list[tuple[Any, int]], place: int) -> int | None:
    """The column after steps that keep every column; None where one does not."""
    for step, _ in path:
        name = type(step).__name__
        if name == "SimpleImputer" and not step.add_indicator:
            empty = [is_nan(one) for one in np.asarray(step.statistics_, object).tolist()]
            place -= 0 if step.keep_empty_features else sum(empty[:place])
        elif name not in _KEEP and name != "OrdinalEncoder":
            return None
    return place


def _parts(transformer: Any, place: int, names: Sequence[str]) -> Iterator[tuple[Any, int, int]]:
    """Each part of a column transformer that takes a column, the place in it, and its first output."""
    for name, part, columns in transformer.transformers_:
        chosen = _chosen(columns, names)
        if place in chosen and not (isinstance(part, str) and part == "drop"):
            yield part, chosen.index(place), transformer.output_indices_[name].start


def _chosen(columns: Any, names: Sequence[str]) -> list[int]:
    if isinstance(columns, slice):
        return list(range(len(names)))[columns] if not isinstance(columns.start or columns.stop, str) else []
    if isinstance(columns, str | int | np.integer):
        columns = [columns]
    given = list(columns)
    if given and isinstance(given[0], bool | np.bool_):
        return [place for place, chosen in enumerate(given) if chosen]
    known = list(names)
    return [known.index(one) if isinstance(one, str) else int(one) % max(len(known), 1) for one in given]


def _names_of(part: Any) -> list[str]:
    names = getattr(part, "feature_names_in_", None)
    return (
        [f"x{place}" for place in range(int(getattr(part, "n_features_in_", 0)))]
        if names is None
        else list(names)
    )
