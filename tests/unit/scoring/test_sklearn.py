"""scikit-learn models as people bring them: what they predict, and what they must not be told to do."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AffinityPropagation, KMeans, MeanShift, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, SelectPercentile, chi2, f_classif, mutual_info_classif
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer
from foresight.scoring.rehearsal import rehearse
from tests.unit.scoring.strangers import iris, skops_bytes, unzipped, zipped

NUMBERS = ["a", "b", "c", "d"]


def frame() -> pd.DataFrame:
    """Flowers with gaps, texts, truth values and small whole numbers."""
    flowers, _ = iris()
    rng = np.random.default_rng(1)
    made = pd.DataFrame(flowers, columns=NUMBERS)
    made["gap"] = np.where(rng.random(150) < 0.1, np.nan, flowers[:, 0])
    made["colour"] = rng.choice(["red", "blue", "grün"], 150).astype(object)
    made["maybe"] = np.where(rng.random(150) < 0.1, None, rng.choice(["x", "y"], 150)).astype(object)
    made["flag"] = rng.random(150) < 0.5
    made["count"] = rng.integers(0, 4, 150)
    return made


def linear() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def encoded(*steps: Any) -> Any:
    texts = make_pipeline(*steps, OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), ["gap"]), ("t", texts, ["colour", "maybe"])]), linear()
    )


OVER_FRAMES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "imputed texts": (lambda: encoded(SimpleImputer(strategy="most_frequent")), ["gap", "colour", "maybe"]),
    "constant texts": (
        lambda: encoded(SimpleImputer(strategy="constant", fill_value="none")),
        ["gap", "colour", "maybe"],
    ),
    "texts with gaps": (encoded, ["gap", "colour", "maybe"]),
    "truth encoded": (
        lambda: make_pipeline(
            ColumnTransformer([("f", OneHotEncoder(), ["flag", "count"])], remainder="passthrough"), linear()
        ),
        ["flag", "count", "a", "b"],
    ),
    "truth as a number": (linear, [*NUMBERS, "flag"]),
    "selected by type": (
        lambda: make_pipeline(
            make_column_transformer(
                (StandardScaler(), make_column_selector(dtype_include=np.number)),
                (OneHotEncoder(), make_column_selector(dtype_exclude=np.number)),
            ),
            linear(),
        ),
        [*NUMBERS, "colour"],
    ),
    "booster over categories": (
        lambda: HistGradientBoostingClassifier(max_iter=5, categorical_features=["colour", "count"]),
        ["gap", "b", "colour", "count"],
    ),
    "booster behind passthrough": (
        lambda: make_pipeline(
            ColumnTransformer([("o", OrdinalEncoder(), ["colour"])], remainder="passthrough"),
            HistGradientBoostingClassifier(max_iter=5),
        ),
        ["gap", "b", "colour"],
    ),
    "booster behind a scaler": (
        lambda: make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)),
        ["gap", "b"],
    ),
    "search": (
        lambda: RandomizedSearchCV(RandomForestClassifier(4), {"max_depth": [2, 3]}, n_iter=2),
        NUMBERS,
    ),
}

OVER_ARRAYS: dict[str, Callable[[], Any]] = {
    "best features": lambda: make_pipeline(SelectKBest(f_classif, k=2), linear()),
    "best features, chi2": lambda: make_pipeline(SelectKBest(chi2, k=2), linear()),
    "percentile": lambda: make_pipeline(SelectPercentile(mutual_info_classif), linear()),
    "search": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), linear()), {"logisticregression__C": [0.1, 1]}
    ),
    "search in a pipeline": lambda: make_pipeline(StandardScaler(), GridSearchCV(linear(), {"C": [0.1, 1]})),
    "splines": lambda: make_pipeline(SplineTransformer(), linear()),
    "neighbours": KNeighborsClassifier,
    "neighbours, ball tree": lambda: KNeighborsClassifier(algorithm="ball_tree", weights="distance"),
    "neighbours, brute": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(algorithm="brute")),
    "centroid": NearestCentroid,
    "kernel machine": lambda: make_pipeline(StandardScaler(), SVC(kernel="poly")),
    "kernel machine, nu": NuSVC,
    "Gaussian process": lambda: GaussianProcessClassifier(RBF()),
    "kernel map": lambda: make_pipeline(Nystroem(n_components=10), linear()),
    "clusters": lambda: KMeans(3, n_init=1),
    "clusters, small batches": lambda: MiniBatchKMeans(3, n_init=1),
    "clusters, shift": MeanShift,
    "clusters, affinity": AffinityPropagation,
    "mixture": lambda: GaussianMixture(2),
    "outliers, kernel": OneClassSVM,
    "outliers, forest": lambda: IsolationForest(n_estimators=5),
    "outliers, neighbours": lambda: LocalOutlierFactor(novelty=True),
}

REGRESSORS: dict[str, Callable[[], Any]] = {
    "kernel machine": SVR,
    "neighbours": KNeighborsRegressor,
    "neighbours in a radius": lambda: RadiusNeighborsRegressor(radius=5),
    "Gaussian process": lambda: GaussianProcessRegressor(RBF() + WhiteKernel()),
    "kernel ridge": lambda: KernelRidge(kernel="rbf"),
}


def opened(model: Any) -> ScoringModel:
    found = load_model(skops_bytes(model), "sklearn")
    rehearse(found)
    return found


def scored(model: ScoringModel, rows: list[dict[str, Any]]) -> list[Any]:
    found, bad = RecordScorer(model, read_mapping(None, model.signature)).score(rows)
    assert [found[place][ERROR] for place in bad] == []
    return [record[PREDICTION]["PredictedValue"] for record in found]


def rows_of(given: pd.DataFrame) -> list[dict[str, Any]]:
    """Records as JSON has them: no NaN."""
    records = given.to_dict("records")
    return [
        {str(name): None if value is None or value != value else value for name, value in record.items()}
        for record in records
    ]


@pytest.mark.parametrize("name", sorted(OVER_FRAMES))
def test_a_model_over_a_frame_gives_what_it_gives_to_scikit_learn(name: str) -> None:
    make, columns = OVER_FRAMES[name]
    given = frame()[columns]
    model = make().fit(given, iris()[1])
    assert scored(opened(model), rows_of(given)) == model.predict(given).tolist()


@pytest.mark.parametrize("name", sorted(OVER_ARRAYS))
def test_a_model_over_an_array_gives_what_it_gives_to_scikit_learn(name: str) -> None:
    flowers, species = iris()
    model = OVER_ARRAYS[name]().fit(flowers, species)
    rows = [dict(zip(["x0", "x1", "x2", "x3"], row, strict=True)) for row in flowers.tolist()]
    assert scored(opened(model), rows) == model.predict(flowers).tolist()


@pytest.mark.parametrize("name", sorted(REGRESSORS))
def test_a_regressor_gives_what_it_gives_to_scikit_learn(name: str) -> None:
    flowers, _ = iris()
    model = REGRESSORS[name]().fit(flowers[:, :3], flowers[:, 3])
    rows = [dict(zip(["x0", "x1", "x2"], row, strict=True)) for row in flowers[:, :3].tolist()]
    np.testing.assert_allclose(scored(opened(model), rows), model.predict(flowers[:, :3]), rtol=1e-12)


def test_a_curve_that_only_rises_has_one_input() -> None:
    flowers, _ = iris()
    model = IsotonicRegression(out_of_bounds="clip").fit(flowers[:, 2], flowers[:, 3])
    rows = [{"x0": value} for value in flowers[:, 2].tolist()]
    np.testing.assert_allclose(scored(opened(model), rows), model.predict(flowers[:, 2]))


@pytest.mark.parametrize(
    "make", [lambda: MultiOutputClassifier(linear()), lambda: RandomForestClassifier(4), KNeighborsClassifier]
)
def test_each_of_several_targets_has_its_class_and_its_chances(make: Callable[[], Any]) -> None:
    flowers, species = iris()
    targets = np.column_stack([species, np.where(flowers[:, 0] > 5.8, "long", "short")])
    model = make().fit(flowers, targets)
    found = opened(model).predict({f"x{i}": flowers[:, i] for i in range(4)}).columns
    assert (
        np.column_stack([found["PredictedValue[0]"], found["PredictedValue[1]"]]).tolist()
        == model.predict(flowers).tolist()
    )
    np.testing.assert_allclose(found["probability[1](long)"], model.predict_proba(flowers)[1][:, 0])
    np.testing.assert_allclose(found["probability[0](setosa)"], model.predict_proba(flowers)[0][:, 0])


def test_fields_say_what_the_model_can_do_without() -> None:
    make, columns = OVER_FRAMES["booster behind passthrough"]
    model = opened(make().fit(frame()[columns], iris()[1]))
    assert [(f.name, f.data_type, f.is_mandatory, f.values) for f in model.signature.inputs] == [
        ("gap", "double", False, ()),
        ("b", "double", False, ()),
        ("colour", "string", True, ("blue", "grün", "red")),
    ]
    make, columns = OVER_FRAMES["truth encoded"]
    flag, count, *_ = opened(make().fit(frame()[columns], iris()[1])).signature.inputs
    assert (flag.data_type, count.data_type, count.values) == ("boolean", "double", (0.0, 1.0, 2.0, 3.0))


def test_a_column_that_the_model_drops_is_not_wanted() -> None:
    given = frame()[["a", "b", "colour"]]
    model = make_pipeline(ColumnTransformer([("n", StandardScaler(), ["a", "b"])]), linear()).fit(
        given, iris()[1]
    )
    assert [field.is_mandatory for field in opened(model).signature.inputs] == [True, True, False]


def test_a_search_without_a_best_model_is_refused() -> None:
    search = GridSearchCV(linear(), {"C": [0.1, 1]}, refit=False).fit(*iris())
    with pytest.raises(InvalidModel, match="GridSearchCV holds no best estimator: fit it with refit=True"):
        load_model(skops_bytes(search), "sklearn")


# Strangers


def swapped(model: Any, change: Callable[[set[str], np.ndarray], np.ndarray | None]) -> bytes:
    """The file of a model with other arrays in it; ``change`` sees each with the names of its attributes."""
    import json

    members = unzipped(skops_bytes(model))
    names: dict[str, set[str]] = {}
    todo = [("", json.loads(members["schema.json"]))]
    while todo:
        name, here = todo.pop()
        if isinstance(here, dict):
            if str(here.get("file", "")).endswith(".npy"):
                names.setdefault(here["file"], set()).add(name)
            todo += [(key if key not in {"content"} else name, value) for key, value in here.items()]
        elif isinstance(here, list):
            todo += [(name, value) for value in here]
    n_changed = 0
    for file, found in names.items():
        made = change(found, np.load(io.BytesIO(members[file])))
        if made is not None:
            out = io.BytesIO()
            np.save(out, made)
            members[file] = out.getvalue()
            n_changed += 1
    assert n_changed
    return zipped(members)


@pytest.mark.parametrize(
    ("model", "name", "change"),
    [
        (SVC(), "support_vectors_", lambda array: array[:, :2]),
        (SVC(), "_n_support", lambda array: array * 1000),
        (SVC(), "_dual_coef_", lambda array: array[:1]),
        (SVC(), "_intercept_", lambda array: array[:1]),
        (KMeans(3, n_init=1), "cluster_centers_", lambda array: array[:, :2]),
        (KNeighborsClassifier(algorithm="brute"), "_y", lambda array: array + 10**6),
        (KNeighborsClassifier(algorithm="brute"), "_fit_X", lambda array: array[:, :3]),
    ],
)
def test_arrays_that_contradict_one_another_are_refused(
    model: Any, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    model = model.fit(*iris())
    data = swapped(model, lambda found, array: np.ascontiguousarray(change(array)) if name in found else None)
    with pytest.raises(InvalidModel, match="arrays contradict one another"):
        load_model(data, "sklearn")


def test_categories_that_lead_out_of_their_bits_are_refused() -> None:
    make, columns = OVER_FRAMES["booster over categories"]

    def change(_: set[str], array: np.ndarray) -> np.ndarray | None:
        if (
            not array.dtype.names
            or "bitset_idx" not in array.dtype.names
            or not array["is_categorical"].any()
        ):
            return None
        array["bitset_idx"][array["is_categorical"] == 1] = 10**6
        return array

    with pytest.raises(InvalidModel, match="arrays contradict one another"):
        load_model(swapped(make().fit(frame()[columns], iris()[1]), change), "sklearn")


def test_a_distance_with_arrays_of_its_own_is_refused_by_name() -> None:
    model = KNeighborsClassifier(
        metric="mahalanobis", metric_params={"VI": np.eye(4)}, algorithm="brute"
    ).fit(*iris())
    with pytest.raises(UnsupportedModel, match="with metric 'mahalanobis' is not run: use"):
        load_model(skops_bytes(model), "sklearn")


def test_a_column_that_the_model_drops_may_be_anything() -> None:
    flowers, species = iris()
    frame = pd.DataFrame(flowers[:, :2], columns=["f", "g"]).assign(note=np.tile(["a", "b"], 75))
    chosen = ColumnTransformer([("n", StandardScaler(), ["f"])])
    model = make_pipeline(chosen, LogisticRegression(max_iter=1000)).fit(frame, species)
    loaded = load_model(skops_bytes(model), "sklearn")
    assert [field.is_mandatory for field in loaded.signature.inputs] == [True, False, False]
    scorer = RecordScorer(loaded, read_mapping(None, loaded.signature))
    dropped = [{}, {"note": "x"}, {"note": 7, "g": "wide"}, {"g": np.inf, "note": None}, {"note": [1]}]
    records = [{"f": 5.1, **more} for more in dropped]
    found, bad = scorer.score(records)
    assert bad == []
    assert all(one[PREDICTION] == found[0][PREDICTION] for one in found)
    assert [scorer.score_one(record)[PREDICTION] for record in records] == [one[PREDICTION] for one in found]
