"""ONNX, scikit-learn and Keras: figures of their own libraries, and files that nobody should load."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import ModelProto, TensorProto, helper
from sklearn.cluster import BisectingKMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from foresight.scoring import archives, trial
from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.kinds import load_model
from tests.unit.scoring.strangers import (
    SPECIES,
    iris,
    keras_bytes,
    keras_files,
    keras_network,
    onnx_changed,
    onnx_constant,
    onnx_graph,
    onnx_regression,
    onnx_value,
    regression,
    skops_bytes,
    unzipped,
    zipped,
)


def by_field(names: list[str], matrix: np.ndarray) -> dict[str, np.ndarray]:
    return {name: matrix[:, place] for place, name in enumerate(names)}


# Figures


def test_onnx_gives_the_chances_of_the_model_that_it_was_made_from() -> None:
    flowers, _ = iris()
    scored = load_model(onnx_regression(), "onnx").predict(by_field([f"X[{i}]" for i in range(4)], flowers))
    chances = regression().predict_proba(flowers)
    assert (scored.columns["species"] == regression().predict(flowers)).all()
    for place, name in enumerate(SPECIES):
        np.testing.assert_allclose(scored.columns[f"chance({name})"], chances[:, place], atol=1e-6)


def test_keras_gives_what_keras_predicts() -> None:
    network, data = keras_network()
    flowers, _ = iris()
    model = load_model(data, "keras")
    scored = model.predict(by_field([field.name for field in model.signature.inputs], flowers))
    expected = network.predict(flowers, verbose=0)
    for place in range(3):
        np.testing.assert_allclose(scored.columns[f"species[{place}]"], expected[:, place], rtol=1e-6)


def test_keras_takes_several_inputs_and_gives_several_outputs() -> None:
    import keras

    one, many = keras.Input((1,), name="one"), keras.Input((3, 2), name="many")
    joined = keras.layers.Concatenate()([one, keras.layers.LSTM(3)(many)])
    outs = {"y": keras.layers.Dense(1, name="y")(joined), "z": keras.layers.Dense(2, name="z")(joined)}
    network = keras.Model({"one": one, "many": many}, outs)
    model = load_model(keras_bytes(network), "keras")
    names = [f"many[{i}][{j}]" for i in range(3) for j in range(2)]
    assert {field.name for field in model.signature.inputs} == {"one", *names}
    assert {out.name for out in model.signature.outputs} == {"y", "z[0]", "z[1]"}
    values = np.random.default_rng(1).normal(size=(9, 7))
    scored = model.predict({"one": values[:, 0], **by_field(names, values[:, 1:])})
    expected = network.predict({"one": values[:, :1], "many": values[:, 1:].reshape(9, 3, 2)}, verbose=0)
    np.testing.assert_allclose(scored.columns["y"], expected["y"][:, 0], rtol=1e-5)
    np.testing.assert_allclose(scored.columns["z[1]"], expected["z"][:, 1], rtol=1e-5)


def fitted(model: Any) -> Any:
    return model.fit(*iris())


SKLEARN: dict[str, Callable[[], Any]] = {
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier,
    "forest": lambda: RandomForestClassifier(5, random_state=1),
    "bagging": lambda: BaggingClassifier(n_estimators=3, max_features=2, random_state=1),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=3),
    "ufunc": lambda: make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
}


@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_sklearn_gives_what_sklearn_predicts(name: str) -> None:
    model = fitted(SKLEARN[name]())
    flowers, _ = iris()
    scored = load_model(skops_bytes(model), "sklearn").predict(by_field(["x0", "x1", "x2", "x3"], flowers))
    assert (scored.columns["PredictedValue"] == model.predict(flowers)).all()
    chances = model.predict_proba(flowers)
    for place, label in enumerate(SPECIES):
        np.testing.assert_allclose(scored.columns[f"probability({label})"], chances[:, place], atol=1e-12)


def test_a_regressor_gives_a_number() -> None:
    flowers, _ = iris()
    model = GradientBoostingRegressor(n_estimators=4).fit(flowers[:, :3], flowers[:, 3])
    found = load_model(skops_bytes(model), "sklearn")
    scored = found.predict(by_field(["x0", "x1", "x2"], flowers))
    np.testing.assert_allclose(scored.columns["PredictedValue"], model.predict(flowers[:, :3]))
    assert [out.data_type for out in found.signature.outputs] == ["double"]


def test_names_texts_and_gaps_of_a_data_frame_are_those_of_the_model() -> None:
    flowers, species = iris()
    frame = pd.DataFrame(flowers, columns=["a", "b", "c", "d"]).assign(colour=np.tile(["red", "blue"], 75))
    parts = [("n", SimpleImputer(), ["a", "b", "c", "d"]), ("t", OneHotEncoder(), ["colour"])]
    pipeline = make_pipeline(ColumnTransformer(parts), LogisticRegression(max_iter=1000)).fit(frame, species)
    model = load_model(skops_bytes(pipeline), "sklearn")
    *numbers, colour = model.signature.inputs
    assert [(f.name, f.data_type, f.is_mandatory) for f in numbers] == [(n, "double", False) for n in "abcd"]
    assert (colour.data_type, colour.values, colour.is_mandatory) == ("string", ("blue", "red"), True)
    frame.loc[3, "a"] = np.nan
    scored = model.predict({name: frame[name].to_numpy() for name in frame})
    assert scored.errors == {}
    assert (scored.columns["PredictedValue"] == pipeline.predict(frame)).all()


def test_a_tree_wants_every_field_although_it_could_do_without() -> None:
    model = load_model(skops_bytes(fitted(DecisionTreeClassifier())), "sklearn")
    assert all(field.is_mandatory for field in model.signature.inputs)


def test_rows_that_cannot_be_are_named_and_the_others_scored() -> None:
    model = load_model(onnx_regression(), "onnx")
    columns = {f"X[{i}]": np.array([1.0, 1e300, np.nan, 1.0, 1.0], object) for i in range(4)}
    columns["X[2]"][3] = "wide"
    scored = model.predict(columns)
    assert sorted(scored.errors) == [1, 2, 3]
    assert "X[2] = 'wide' is a text, not a number" in scored.errors[3]
    assert "X[0] = 1e+300 is not a float32" in scored.errors[1]
    assert scored.errors[2].count("is missing") == 4
    alone = model.predict({name: values[[0, 4]] for name, values in columns.items()})
    assert scored.columns["species"][[0, 4]].tolist() == alone.columns["species"].tolist()
    assert scored.columns["species"][1] is None
    assert np.isnan(scored.columns["chance(setosa)"][1])


def test_whole_numbers_and_texts_reach_an_onnx_model_as_such() -> None:
    inputs = [onnx_value("n", TensorProto.INT64, [None, 1]), onnx_value("t", TensorProto.STRING, [None])]
    nodes = [helper.make_node("Identity", ["n"], ["m"]), helper.make_node("Identity", ["t"], ["s"])]
    outputs = [onnx_value("m", TensorProto.INT64, [None, 1]), onnx_value("s", TensorProto.STRING)]
    model = load_model(onnx_graph(nodes, outputs, inputs=inputs), "onnx")
    assert [field.data_type for field in model.signature.inputs] == ["integer", "string"]
    given = {"n": np.array([7.0, 1.5, 2.0**63, -(2.0**63)]), "t": np.array(["a", "b", "c", "ä"], object)}
    scored = model.predict(given)
    assert sorted(scored.errors) == [1, 2]
    assert scored.columns["m"][[0, 3]].tolist() == [7, -(2**63)]
    assert scored.columns["s"][3] == "ä"


# Strangers: ONNX


def set_outside(model: ModelProto) -> None:
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def set_domain(model: ModelProto) -> None:
    model.graph.node[0].domain = "com.stranger"


def set_loop(model: ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["n", ""], ["out"], body=body))


def set_batch(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8


def set_length(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"


def set_width(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10**6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (set_outside, "'w' is kept in another file"),
        (set_domain, "'LinearClassifier' of domain 'com.stranger'"),
        (set_loop, "operator Loop may never end"),
        (set_batch, "takes 8 records at a time"),
        (set_length, "no fixed length"),
        (set_width, "1000000 input fields"),
    ],
)
def test_an_onnx_model_that_is_not_run_is_refused_by_name(
    change: Callable[[ModelProto], None], complaint: str
) -> None:
    with pytest.raises(UnsupportedModel, match=complaint):
        load_model(onnx_changed(change), "onnx")


def onnx_bomb(*shape: int) -> bytes:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["X", "sum"], ["Y"]),
    ]
    return onnx_graph(nodes, [onnx_value("Y", shape=[None, 4])], onnx_constant("shape", *shape))


def test_a_small_onnx_file_that_unfolds_is_refused_where_it_harms_nobody() -> None:
    with pytest.raises(InvalidModel, match=r"memory|allowed"):
        trial.try_out(onnx_bomb(1 << 34), "onnx")


def test_a_model_that_takes_too_long_is_refused() -> None:
    with pytest.raises(InvalidModel, match=r"more than 0\.05 s"):
        trial.try_out(onnx_regression(), "onnx", seconds=0.05)


def test_a_refusal_in_a_trial_is_the_refusal_here() -> None:
    with pytest.raises(UnsupportedModel, match="operator Loop may never end") as told:
        trial.try_out(onnx_changed(set_loop), "onnx")
    assert told.value.element == "operator Loop"
    trial.try_out(onnx_regression(), "onnx")


# Strangers: archives


class Bomb:
    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('a pickle ran')",))


@pytest.mark.parametrize("kind", ["sklearn", "keras"])
def test_a_pickle_is_refused_unread(kind: str) -> None:
    with pytest.raises(InvalidModel, match="pickle"):
        load_model(pickle.dumps(Bomb()), kind)


@pytest.mark.parametrize(("kind", "member"), [("sklearn", "schema.json"), ("keras", "config.json")])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    kind: str, member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(InvalidModel, match="bytes unpacked, more than"):
        load_model(zipped({member: b" " * 2_000_000}), kind)
    lying = bytearray(zipped({member: b" " * 100_000_000}))
    monkeypatch.undo()
    with pytest.raises(InvalidModel, match="more than the"):
        load_model(bytes(lying), kind)


@pytest.mark.parametrize("kind", ["sklearn", "keras"])
@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_a_truncated_archive_is_refused(kind: str, cut: float) -> None:
    data = skops_bytes(regression()) if kind == "sklearn" else zipped(keras_files())
    with pytest.raises(InvalidModel):
        load_model(data[: int(len(data) * cut)], kind)


@pytest.mark.parametrize("kind", ["sklearn", "keras", "onnx"])
def test_flipped_bits_are_refused_or_score_but_nothing_else(kind: str) -> None:
    data = {"sklearn": lambda: skops_bytes(regression()), "keras": lambda: keras_network()[1],
            "onnx": onnx_regression}[kind]()  # fmt: skip
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(8 if kind == "keras" else 30):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] ^= 1 << int(rng.integers(8))
        try:
            model = load_model(bytes(broken), kind)
        except InvalidModel:
            refused += 1
        else:
            assert model.predict({field.name: np.ones(3) for field in model.signature.inputs}).columns
    assert refused


# Strangers: scikit-learn


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (BisectingKMeans(2), "sklearn.cluster._bisect_k_means.BisectingKMeans"),
        (make_pipeline(FunctionTransformer(json.dumps), LogisticRegression()), "json.dumps"),
    ],
)
def test_a_type_that_is_not_trusted_is_refused_by_name(model: Any, name: str) -> None:
    if not isinstance(getattr(model, "steps", [[0, 0]])[0][1], FunctionTransformer):
        model = fitted(model)
    with pytest.raises(UnsupportedModel, match=name):
        load_model(skops_bytes(model), "sklearn")


def test_a_type_of_a_trusted_package_is_asked_of_skops_too() -> None:
    members = unzipped(skops_bytes(regression()))
    members["schema.json"] = (
        members["schema.json"]
        .replace(b'"LogisticRegression"', b'"check_array"')
        .replace(b'"sklearn.linear_model._logistic"', b'"sklearn.utils.validation"')
    )
    with pytest.raises(UnsupportedModel, match=r"sklearn\.utils\.validation\.check_array"):
        load_model(zipped(members), "sklearn")


@pytest.mark.parametrize("kind", ["tree", "forest", "histogram"])
@pytest.mark.parametrize("field", ["child", "feature"])
def test_a_tree_whose_nodes_lead_out_of_it_is_refused(kind: str, field: str) -> None:
    model = fitted(SKLEARN[kind]())
    members = unzipped(skops_bytes(model))
    wanted = {"child": ("left_child", "left"), "feature": ("feature", "feature_idx")}[field]
    for name, data in members.items():
        if name.endswith(".npy"):
            nodes = np.load(io.BytesIO(data))
            for column in wanted:
                if nodes.dtype.names and column in nodes.dtype.names:
                    nodes[column][0] = 1_000_000
                    out = io.BytesIO()
                    np.save(out, nodes)
                    members[name] = out.getvalue()
    with pytest.raises(InvalidModel, match="leads out of the tree"):
        load_model(zipped(members), "sklearn")


def test_a_model_that_was_never_fitted_is_refused() -> None:
    with pytest.raises(InvalidModel, match="not fitted"):
        load_model(skops_bytes(LogisticRegression()), "sklearn")


def test_what_does_not_predict_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="StandardScaler does not predict"):
        load_model(skops_bytes(StandardScaler().fit(iris()[0])), "sklearn")


# Strangers: Keras; none of these needs TensorFlow


def keras_with(**layer: Any) -> bytes:
    members = keras_files()
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= layer
    return zipped(members | {"config.json": json.dumps(config).encode()})


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ({"class_name": "Lambda"}, "keras.layers.Lambda"),
        ({"class_name": "TFSMLayer"}, "keras.layers.TFSMLayer"),
        ({"class_name": "FlaxLayer"}, "FlaxLayer"),
        ({"module": "os", "class_name": "system"}, "os.system"),
        ({"module": "keras.utils", "class_name": "get_file"}, "keras.utils.get_file"),
        ({"registered_name": "mine>Dense"}, "mine>Dense"),
        ({"config": {"activation": {"class_name": "__lambda__", "config": {}}}}, "__lambda__"),
        ({"module": ["keras.layers"]}, "Dense"),
    ],
)
def test_a_keras_layer_that_reaches_beyond_the_model_is_refused_by_name(
    layer: dict[str, Any], name: str
) -> None:
    with pytest.raises(UnsupportedModel, match=name):
        load_model(keras_with(**layer), "keras")


@pytest.mark.parametrize("way", ["external", "link", "large"])
def test_weights_that_are_elsewhere_or_too_many_are_refused(way: str) -> None:
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        if way == "external":
            file.create_dataset("a", (10,), "f4", external=[("/etc/passwd", 0, 40)])
        elif way == "link":
            file["a"] = h5py.ExternalLink("/etc/passwd", "/")
        else:
            file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 20,))
    with pytest.raises(InvalidModel, match=r"another file|link|too large"):
        load_model(zipped(keras_files() | {"model.weights.h5": made.getvalue()}), "keras")


def test_a_refused_keras_file_never_reaches_tensorflow(tmp_path: Any) -> None:
    (tmp_path / "bad.keras").write_bytes(keras_with(class_name="Lambda"))
    code = (
        "import sys; from foresight.scoring.kinds import load_model\n"
        f"try: load_model({str(tmp_path / 'bad.keras')!r})\n"
        "except Exception as e: print(type(e).__name__, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["UnsupportedModel", "False"]


def test_two_members_of_one_name_are_refused() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("config.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("config.json", b"{}")
    with pytest.raises(InvalidModel, match="same name"):
        load_model(made.getvalue(), "keras")


def test_records_of_many_blocks_are_scored_as_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from foresight.scoring.onnx import runtime

    loaded = load_model(onnx_regression(), "onnx")
    flowers, _ = iris()
    columns = {field.name: flowers[:, place] for place, field in enumerate(loaded.signature.inputs)}
    whole = loaded.predict(columns)
    monkeypatch.setattr(runtime, "BLOCK", 7)
    parts = loaded.predict(columns)
    assert parts.errors == whole.errors == {}
    for name, values in whole.columns.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(parts.columns[name], values, rtol=1e-6)
        else:
            assert parts.columns[name].tolist() == values.tolist()
