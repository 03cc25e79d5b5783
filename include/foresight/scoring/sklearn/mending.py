"""Estimators made ready after they were read: structures made anew, arrays held against one another.

Compiled code of scikit-learn follows lengths and indices without asking; here they are asked for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel

METRICS: Final = frozenset({
    "braycurtis", "canberra", "chebyshev", "cityblock", "correlation", "cosine", "dice", "euclidean",
    "hamming", "haversine", "infinity", "jaccard", "l1", "l2", "manhattan", "minkowski", "p",
    "rogerstanimoto", "russellrao", "sokalsneath", "sqeuclidean",
})  # fmt: skip
KERNELS: Final = frozenset({"linear", "poly", "rbf", "sigmoid"})


def mend(model: Any) -> None:
    """Makes every estimator inside ready. Raises ``InvalidModel`` where arrays contradict one another."""
    from sklearn.base import BaseEstimator

    for here in parts(model):
        if not isinstance(here, BaseEstimator):
            continue
        if getattr(here, "n_jobs", None) is not None:
            here.n_jobs = None  # workers are the threads
        for base in type(here).__mro__:
            if base.__name__ in MENDERS:
                MENDERS[base.__name__](here)
                break


def parts(model: Any) -> Iterator[Any]:
    """Everything that a model holds, each once."""
    seen: set[int] = set()
    todo = [model]
    while todo:
        here = todo.pop()
        if id(here) not in seen:
            seen.add(id(here))
            yield here
            todo += inner(here)


def inner(here: Any) -> list[Any]:
    """What an object holds."""
    if isinstance(here, dict):
        return list(here.values())
    if isinstance(here, list | tuple | set):
        return list(here)
    if isinstance(here, np.ndarray):
        return list(here.ravel()) if here.dtype == object else []
    return list(vars(here).values()) if hasattr(here, "__dict__") and not isinstance(here, type) else []


def _check(model: Any, condition: bool) -> None:
    if not condition:
        raise InvalidModel(f"{type(model).__name__}: its arrays contradict one another")


def _mend_neighbors(model: Any) -> None:
    from sklearn.neighbors import BallTree, KDTree

    points, metric = getattr(model, "_fit_X", None), getattr(model, "effective_metric_", None)
    if not isinstance(points, np.ndarray) or not isinstance(metric, str) or metric not in METRICS:
        raise UnsupportedModel(
            f"{type(model).__name__} with metric {metric!r:.80}",
            f"is not run: use dense points and one of {', '.join(sorted(METRICS))}",
        )
    _check(model, points.ndim == 2 and points.shape[1] == model.n_features_in_ and len(points) > 0)
    _check(model, model.n_samples_fit_ == len(points))
    labels = getattr(model, "_y", None)
    if labels is not None:
        _check(model, len(labels) == len(points))
        _check_labels(model, np.asarray(labels))
    more = {name: value for name, value in dict(model.effective_metric_params_).items() if name == "p"}
    model.effective_metric_params_ = more
    trees: Mapping[str, Callable[..., Any]] = {"kd_tree": KDTree, "ball_tree": BallTree}
    made = trees.get(model._fit_method)
    model._tree = made(points, model.leaf_size, metric=metric, **more) if made else None


def _check_labels(model: Any, labels: Any) -> None:
    classes = getattr(model, "classes_", None)
    if classes is None:
        return
    several = isinstance(classes, list)
    columns = labels.reshape(len(labels), -1).T
    _check(model, labels.dtype.kind in "iu" and len(columns) == (len(classes) if several else 1))
    for column, known in zip(columns, classes if several else [classes], strict=True):
        _check(model, bool(((column >= 0) & (column < len(known))).all()))


def _mend_svm(model: Any) -> None:
    if model.kernel not in KERNELS or getattr(model, "_sparse", True):
        raise UnsupportedModel(
            f"{type(model).__name__} with kernel {model.kernel!r:.80}",
            f"is not run: use dense numbers and one of {', '.join(sorted(KERNELS))}",
        )
    vectors, counts = model.support_vectors_, model._n_support
    n, n_classes = len(vectors), len(counts)
    pairs = n_classes * (n_classes - 1) // 2
    _check(
        model, vectors.ndim == 2 and vectors.shape[1] == model.n_features_in_ and model.support_.shape == (n,)
    )
    _check(model, n_classes >= 2 and bool((counts >= 0).all()))
    classes = getattr(model, "classes_", None)
    _check(model, int(counts.sum()) == n if classes is not None else int(counts[0]) == n)
    _check(model, classes is None or len(classes) == n_classes)
    _check(model, model._dual_coef_.shape == (n_classes - 1, n))
    _check(model, model._intercept_.shape == (pairs,))
    for chances in (model._probA, model._probB):
        _check(model, chances.size in {0, pairs})


def _mend_kmeans(model: Any) -> None:
    centres = model.cluster_centers_
    _check(model, centres.ndim == 2 and centres.shape[1] == model.n_features_in_ and len(centres) > 0)
    model._n_threads = 1


def _mend_splines(model: Any) -> None:
    from scipy.interpolate import BSpline

    made = [
        BSpline(
            np.asarray(one["_t"]), np.asarray(one["_c"]), int(one["k"]), one["extrapolate"], int(one["axis"])
        )
        for one in model.bsplines_
    ]
    _check(model, len(made) == model.n_features_in_)
    model.bsplines_ = made


def _mend_booster(model: Any) -> None:
    """The check before the numbers made anew, and the bits of categories where nodes look for them."""
    from functools import partial

    from sklearn.utils import check_array

    before = getattr(model, "_preprocessor", None)
    for _, part, _ in [] if before is None else before.transformers_:
        if type(part).__name__ == "FunctionTransformer":
            part.func = partial(check_array, dtype=[np.float64], ensure_all_finite=False)
    is_categorical = model._bin_mapper.is_categorical_ if hasattr(model, "_bin_mapper") else None
    for row in model._predictors:
        for tree in row:
            _check_categories(model, tree, is_categorical)


def _check_categories(model: Any, tree: Any, is_categorical: Any) -> None:
    nodes = tree.nodes[tree.nodes["is_categorical"] == 1]
    if not len(nodes):
        return
    bits = tree.raw_left_cat_bitsets
    _check(
        model,
        is_categorical is not None and bits.ndim == 2 and bits.shape[1] == 8 and bits.dtype == np.uint32,
    )
    _check(model, bool((nodes["bitset_idx"] < len(bits)).all()))
    _check(model, bool((nodes["feature_idx"] < len(is_categorical)).all()))
    _check(model, bool(np.asarray(is_categorical)[nodes["feature_idx"]].all()))


MENDERS: Final[Mapping[str, Callable[[Any], None]]] = {
    "NeighborsBase": _mend_neighbors,
    "BaseLibSVM": _mend_svm,
    "_BaseKMeans": _mend_kmeans,
    "SplineTransformer": _mend_splines,
    "BaseHistGradientBoosting": _mend_booster,
}
"""By base class of scikit-learn."""
