"""scikit-learn behind the contract of all model runtimes.

Fields are ``feature_names_in_``, or ``x0``, ``x1``, … as scikit-learn calls them. A classifier gives
``PredictedValue`` and ``probability(<class>)``, every other model ``PredictedValue``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.rows import Arrays, Tensor
from foresight.scoring.sklearn.inspection import TRUSTED, check_trees, inspect
from foresight.scoring.tensors import MAX_FIELDS, TensorModel

PREDICTED: Final = "PredictedValue"
_ENCODERS: Final = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")


def load(source: bytes | Path) -> TensorModel:
    """A model of a skops file. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    inspect(data)
    try:
        model = _made(data)
        check_trees(model)
        return TensorModel("sklearn", _tensors(model), _runner(model))
    except InvalidModel:
        raise
    except Exception as error:  # a broken file may make skops and scikit-learn raise anything
        raise InvalidModel(f"scikit-learn refuses the model: {error!s:.500}") from error


def _made(data: bytes) -> Any:
    with warnings.catch_warnings():
        # It looks for functions of NumPy in every module that is loaded, deprecated names of others included.
        warnings.simplefilter("ignore")
        import skops.io  # here, for it takes seconds
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model = skops.io.loads(data, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise UnsupportedModel(str(error).partition("\n")[0]) from error
    if not isinstance(model, BaseEstimator) or not hasattr(model, "predict"):
        raise UnsupportedModel(f"a {type(model).__name__}", "does not predict")
    check_is_fitted(model)
    return model


def _tensors(model: Any) -> list[Tensor]:
    from sklearn.utils import get_tags

    n = int(model.n_features_in_)
    if not 1 <= n <= MAX_FIELDS:
        raise UnsupportedModel(f"a model of {n} features", f"is not run: 1 to {MAX_FIELDS} are")
    names = getattr(model, "feature_names_in_", None)
    names = [f"x{place}" for place in range(n)] if names is None else [str(name) for name in names]
    if len(names) != n:
        raise InvalidModel(f"{len(names)} names for {n} features")
    fronts = _fronts(model, names)
    allows_missing = bool(get_tags(model).input_tags.allow_nan)
    return [_tensor(name, *fronts.get(name, (model, 0)), allows_missing) for name in names]


def _fronts(model: Any, names: list[str]) -> dict[str, tuple[Any, int]]:
    """By feature: what sees it first, and at which place."""
    front = _first(model)
    if type(front).__name__ != "ColumnTransformer":
        return {name: (front, place) for place, name in enumerate(names)}
    found: dict[str, tuple[Any, int]] = {}
    for _, part, columns in front.transformers_:
        if not isinstance(part, str) and isinstance(columns, list | np.ndarray):
            given = [column if isinstance(column, str) else names[int(column)] for column in columns]
            found |= {name: (_first(part), place) for place, name in enumerate(given)}
    return found


def _first(model: Any) -> Any:
    while type(model).__name__ == "Pipeline":
        model = model.steps[0][1]
    return model


def _tensor(name: str, front: Any, place: int, allows_missing: bool) -> Tensor:
    """An encoder takes the texts that it was fitted with; who fills gaps, or learnt from them, gets them."""
    kind = type(front).__name__
    if kind in _ENCODERS and front.categories_[place].dtype.kind in "OU":
        is_strict = getattr(front, "handle_unknown", "ignore") == "error"
        known = tuple(str(text) for text in front.categories_[place]) if is_strict else ()
        return Tensor(name, np.dtype(object), values=known)
    fills = kind.endswith("Imputer") or kind.startswith("HistGradientBoosting")
    return Tensor(name, np.dtype(np.float64), allows_missing=allows_missing or fills, is_mandatory=not fills)


def _runner(model: Any) -> Any:
    has_names = getattr(model, "feature_names_in_", None) is not None
    is_classifier = hasattr(model, "classes_") and hasattr(model, "predict_proba")

    def run(arrays: Arrays) -> dict[str, Any]:
        columns = list(arrays.values())
        if has_names:
            import pandas as pd

            given: Any = pd.DataFrame(arrays)
        elif any(column.dtype == object for column in columns):
            given = np.array(columns, object).T
        else:
            given = np.column_stack(columns)
        if not is_classifier:
            return {PREDICTED: model.predict(given)}
        chances = np.asarray(model.predict_proba(given))
        labels = {f"probability({label})": chances[:, place] for place, label in enumerate(model.classes_)}
        return {PREDICTED: model.predict(given), **labels}

    return run
