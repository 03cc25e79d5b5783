"""scikit-learn behind the contract of all model runtimes.

Fields are ``feature_names_in_``, or ``x0``, ``x1``, … as scikit-learn calls them. A classifier gives
``PredictedValue`` and ``probability(<class>)``, every other model ``PredictedValue``; a model of several
targets ``PredictedValue[0]``, ``probability[0](<class>)`` and so on.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.rows import Arrays, Tensor
from foresight.scoring.sklearn.columns import tensors_of
from foresight.scoring.sklearn.inspection import TRUSTED, check_trees, inspect
from foresight.scoring.sklearn.mending import mend
from foresight.scoring.tensors import MAX_FIELDS, Run, TensorModel

PREDICTED: Final = "PredictedValue"


def load(source: bytes | Path) -> TensorModel:
    """A model of a skops file. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    data = inspect(data)
    try:
        model = _made(data)
        check_trees(model)
        mend(model)
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
        names = str(error).partition("\n")[0].partition(": ")[2].strip("[].'").replace("', '", ", ")
        raise UnsupportedModel(names or "a type of the file", HOW_ELSE) from error
    if not isinstance(model, BaseEstimator) or not hasattr(model, "predict"):
        raise UnsupportedModel(f"a {type(model).__name__}", "does not predict")
    check_is_fitted(model)
    return model


HOW_ELSE: Final = "is not among the types that are made from a file: export the model as ONNX or PMML"


def _tensors(model: Any) -> list[Tensor]:
    from sklearn.utils import get_tags

    # A regression that only rises has one column, and does not say so.
    n = int(getattr(model, "n_features_in_", 1 if hasattr(model, "X_thresholds_") else 0))
    if not 1 <= n <= MAX_FIELDS:
        raise UnsupportedModel(f"a model of {n} features", f"is not run: 1 to {MAX_FIELDS} are")
    names = getattr(model, "feature_names_in_", None)
    names = [f"x{place}" for place in range(n)] if names is None else [str(name) for name in names]
    if len(names) != n:
        raise InvalidModel(f"{len(names)} names for {n} features")
    return tensors_of(model, names, allows_missing=bool(get_tags(model).input_tags.allow_nan))


def _runner(model: Any) -> Run:
    has_names = getattr(model, "feature_names_in_", None) is not None
    classes = getattr(model, "classes_", None) if hasattr(model, "predict_proba") else None

    def run(arrays: Arrays) -> dict[str, Any]:
        given = _frame(arrays) if has_names else _matrix(list(arrays.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of categories that are unknown, which is no news in a stream
            predicted = np.asarray(model.predict(given))
            chances = None if classes is None else model.predict_proba(given)
        return {PREDICTED: predicted, **_chances(chances, classes)}

    return run


def _chances(chances: Any, classes: Any) -> dict[str, Any]:
    """Columns of probabilities by class; of several targets, by target and class."""
    if chances is None:
        return {}
    if isinstance(chances, list):
        return {
            f"probability[{target}]({label})": np.asarray(shares)[:, place]
            for target, (shares, known) in enumerate(zip(chances, classes, strict=True))
            for place, label in enumerate(known)
        }
    shares = np.asarray(chances)
    known: Sequence[Any] = classes
    if isinstance(classes, list) and shares.ndim == 2:  # a chain of truth values: one share a target
        known = range(shares.shape[1])
    return {f"probability({label})": shares[:, place] for place, label in enumerate(known)}


def _frame(arrays: Arrays) -> Any:
    """A data frame; a missing text is NaN there."""
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Series(_texts(column), dtype=object) if column.dtype == object else column
            for name, column in arrays.items()
        }
    )


def _matrix(columns: list[Any]) -> Any:
    if any(column.dtype == object for column in columns):
        return np.array(
            [_texts(column) if column.dtype == object else column for column in columns], object
        ).T
    return np.column_stack(columns)


def _texts(column: Any) -> list[Any]:
    return [math.nan if value is None else value for value in column]
