"""What a skops file asks for, before anything of it is made, and trees that were made, before they run.

skops itself makes only types that are trusted. It trusts every estimator of scikit-learn; here those are
trusted whose prediction stays inside of the arrays of the file, whatever numbers a stranger put there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from foresight.scoring.archives import objects_in
from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.sklearn.mending import inner as _inner
from foresight.scoring.sklearn.schema import full_name, prepared

PACKAGES: Final = (
    "builtins", "collections", "numpy", "scipy.sparse", "scipy.special", "sklearn._loss", "sklearn.base",
    "sklearn.calibration", "sklearn.compose", "sklearn.decomposition", "sklearn.discriminant_analysis",
    "sklearn.dummy", "sklearn.ensemble", "sklearn.feature_selection", "sklearn.gaussian_process",
    "sklearn.impute", "sklearn.isotonic", "sklearn.kernel_approximation", "sklearn.kernel_ridge",
    "sklearn.linear_model", "sklearn.mixture", "sklearn.multiclass", "sklearn.multioutput",
    "sklearn.naive_bayes", "sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing",
    "sklearn.tree", "sklearn.utils",
)  # fmt: skip
"""Where a type may come from. Not text extraction, which can open files."""
CLASSES: Final = (
    *(f"sklearn.svm._classes.{name}" for name in
      ("LinearSVC", "LinearSVR", "SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM")),
    *(f"sklearn.neighbors._{name}" for name in
      ("classification.KNeighborsClassifier", "classification.RadiusNeighborsClassifier",
       "regression.KNeighborsRegressor", "regression.RadiusNeighborsRegressor",
       "nearest_centroid.NearestCentroid", "lof.LocalOutlierFactor")),
    "sklearn.cluster._kmeans.KMeans",
    "sklearn.cluster._kmeans.MiniBatchKMeans",
    "sklearn.cluster._mean_shift.MeanShift",
    "sklearn.cluster._affinity_propagation.AffinityPropagation",
)  # fmt: skip
"""Types of other packages: ``foresight.scoring.sklearn.mending`` holds their arrays against one another."""
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
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(
        f"sklearn.gaussian_process.kernels.{name}"
        for name in (
            "CompoundKernel",
            "ConstantKernel",
            "DotProduct",
            "ExpSineSquared",
            "Exponentiation",
            "Matern",
            "Product",
            "RBF",
            "RationalQuadratic",
            "Sum",
            "WhiteKernel",
        )
    ),
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.utils._bunch.Bunch",
)
"""What fitted models hold beside estimators."""


def inspect(data: bytes) -> bytes:
    """The file without what is of training only. Raises ``UnsupportedModel`` with the name of a type that is
    not known, ``InvalidModel``."""
    data, schema = prepared(data)
    strangers = {name for name in _types(schema) if not _is_known(name)}
    if strangers:
        raise UnsupportedModel(
            ", ".join(sorted(strangers)[:10]),
            "is not among the types that are made from a file: export the model as ONNX or PMML",
        )
    return data


def _is_known(name: str) -> bool:
    return name in CLASSES or any(name.startswith(f"{package}.") for package in PACKAGES)


def _types(schema: Any) -> Iterator[str]:
    """Module and class of every node."""
    for here in objects_in(schema):
        if "__module__" in here or "__class__" in here:
            yield full_name(here) or f"{here.get('__module__')!s:.200}."


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


def _check_nodes(tree: Any, name: str, n_features: int | None) -> None:
    is_histogram = name.endswith("TreePredictor")
    nodes = tree.nodes if is_histogram else tree.__getstate__()["nodes"]
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
