"""What a skops file asks for, before anything of it is made, and trees that were made, before they run.

skops itself makes only types that are trusted. It trusts every estimator of scikit-learn; here those are
trusted whose prediction stays inside of the arrays of the file, whatever numbers a stranger put there.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import orjson

from foresight.scoring.archives import member, objects_in, opened
from foresight.scoring.errors import InvalidModel, UnsupportedModel

HOW: Final = "save the model with skops.io.dump(model, 'model.skops')"
MAX_SCHEMA: Final = 64 * 1024 * 1024

PACKAGES: Final = (
    "builtins", "collections", "numpy", "scipy.sparse", "scipy.special", "sklearn._loss", "sklearn.base",
    "sklearn.calibration", "sklearn.compose", "sklearn.decomposition", "sklearn.discriminant_analysis",
    "sklearn.dummy", "sklearn.ensemble", "sklearn.feature_selection", "sklearn.impute", "sklearn.isotonic",
    "sklearn.linear_model", "sklearn.multiclass", "sklearn.multioutput", "sklearn.naive_bayes",
    "sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.tree", "sklearn.utils",
)  # fmt: skip
"""Where a type may come from. Not nearest neighbours, kernels and clusters: compiled code follows raw
indices and lengths of the file there; not text extraction, which can be told to open files."""
CLASSES: Final = ("sklearn.svm._classes.LinearSVC", "sklearn.svm._classes.LinearSVR")
TREES: Final = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""Types that skops trusts only where told to, as it cannot see whether their nodes lead out of them;
``check_trees`` can."""
TRUSTED: Final = (
    *TREES,
    "numpy.dtype",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.utils._bunch.Bunch",
)
"""What fitted models hold beside estimators."""


def inspect(data: bytes) -> None:
    """Raises ``UnsupportedModel`` with the name of a type that is not known, ``InvalidModel``."""
    with opened(data, HOW) as archive:
        schema = _schema(archive)
    strangers = set()
    for module, name in _types(schema):
        full = f"{module}.{name}"
        if full not in CLASSES and not any(module == p or module.startswith(f"{p}.") for p in PACKAGES):
            strangers.add(full)
    if strangers:
        raise UnsupportedModel(
            ", ".join(sorted(strangers)[:10]),
            "is not among the types that are made from a file: export the model as ONNX or PMML",
        )


def _schema(archive: zipfile.ZipFile) -> Any:
    try:
        return orjson.loads(member(archive, "schema.json", MAX_SCHEMA))
    except orjson.JSONDecodeError as error:
        raise InvalidModel(f"schema.json is not JSON: {error}") from error


def _types(schema: Any) -> Iterator[tuple[str, str]]:
    """Module and class of every node."""
    for here in objects_in(schema):
        if "__module__" in here or "__class__" in here:
            yield str(here.get("__module__"))[:200], str(here.get("__class__"))[:200]


def check_trees(model: Any) -> None:
    """Raises ``InvalidModel`` where a node of a tree leads to no later node, or asks for no feature."""
    from sklearn.base import BaseEstimator

    seen: set[int] = set()
    todo: list[tuple[Any, int | None]] = [(model, None)]
    while todo:
        here, n_features = todo.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        name = f"{type(here).__module__}.{type(here).__name__}"
        if name in TREES:
            _check_nodes(here, name, n_features)
            continue
        if isinstance(here, BaseEstimator):
            n_features = _narrowed(here, name, n_features)
        todo += [(inner, n_features) for inner in _inner(here)]


def _narrowed(estimator: Any, name: str, n_features: int | None) -> int | None:
    """How many features reach the trees inside: those of every ensemble on the way, as none checks again."""
    own = getattr(estimator, "n_features_in_", None)
    if not name.startswith(("sklearn.tree.", "sklearn.ensemble.")) or not isinstance(own, int | np.integer):
        return None
    return int(own) if n_features is None else min(int(own), n_features)


def _inner(here: Any) -> list[Any]:
    if isinstance(here, dict):
        return list(here.values())
    if isinstance(here, list | tuple | set):
        return list(here)
    if isinstance(here, np.ndarray):
        return list(here.ravel()) if here.dtype == object else []
    return list(vars(here).values()) if hasattr(here, "__dict__") and not isinstance(here, type) else []


def _check_nodes(tree: Any, name: str, n_features: int | None) -> None:
    is_histogram = name.endswith("TreePredictor")
    nodes = tree.nodes if is_histogram else tree.__getstate__()["nodes"]
    if is_histogram and nodes["is_categorical"].any():
        raise UnsupportedModel(f"{name} over categories", "keeps raw indices: export it as ONNX or PMML")
    left, right, feature = (
        nodes[field].astype(np.int64)
        for field in (("left", "right", "feature_idx") if is_histogram
                      else ("left_child", "right_child", "feature"))
    )  # fmt: skip
    inner = nodes["is_leaf"] == 0 if is_histogram else left != -1
    place, n = np.arange(len(nodes))[inner], len(nodes)
    n_known = n_features if is_histogram else min(n_features or 0, tree.n_features)
    fits = n > 0 and all(((side[inner] > place) & (side[inner] < n)).all() for side in (left, right))
    if not fits or not ((feature[inner] >= 0) & (feature[inner] < (n_known or 0))).all():
        raise InvalidModel(f"{name}: a node leads out of the tree, or asks for a feature that is not there")
