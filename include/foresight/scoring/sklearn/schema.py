"""What a skops file is read without: parts of training, and structures that are safer made anew.

A search becomes its best estimator. Splitters, scorers and the functions that select features are of
training only. Search trees of neighbours and splines are compiled code over raw numbers of the file: their
numbers are kept as plain arrays, and ``foresight.scoring.sklearn.mending`` makes them again.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any, Final

import orjson

from foresight.scoring.archives import MAX_UNPACKED, member, objects_in, opened
from foresight.scoring.errors import InvalidModel

HOW: Final = "save the model with skops.io.dump(model, 'model.skops')"
MAX_SCHEMA: Final = 64 * 1024 * 1024
_SCHEMA: Final = "schema.json"

SEARCHES: Final = tuple(
    f"sklearn.model_selection._search{module}.{name}SearchCV"
    for module, name in (
        ("", "Grid"),
        ("", "Randomized"),
        ("_successive_halving", "HalvingGrid"),
        ("_successive_halving", "HalvingRandom"),
    )
)
LEFT_OUT: Final = (
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_oneway",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.feature_selection._univariate_selection.r_regression",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neighbors._ball_tree.BallTree",
)
LEFT_OUT_FROM: Final = ("sklearn.model_selection._split.", "sklearn.metrics._scorer.")
AS_ARRAYS: Final = ("scipy.interpolate._bsplines.BSpline",)
_NOTHING: Final = {
    "__class__": "str",
    "__module__": "builtins",
    "__loader__": "JsonNode",
    "content": "null",
    "is_json": True,
}


def prepared(data: bytes) -> tuple[bytes, Any]:
    """The file without those parts, and its schema. Raises ``InvalidModel`` where it is broken."""
    with opened(data, HOW) as archive:
        try:
            schema = orjson.loads(member(archive, _SCHEMA, MAX_SCHEMA))
        except orjson.JSONDecodeError as error:
            raise InvalidModel(f"{_SCHEMA} is not JSON: {error}") from error
        if not isinstance(schema, dict):
            raise InvalidModel(f"{_SCHEMA} holds no model")
        if not _rewrite(schema):
            return data, schema
        made = BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as copy:
            for name in archive.namelist():
                content = orjson.dumps(schema) if name == _SCHEMA else member(archive, name, MAX_UNPACKED)
                copy.writestr(name, content)
        return made.getvalue(), schema


def full_name(node: Any) -> str:
    """Module and class of a node, empty for what is none."""
    if not isinstance(node, dict) or "__class__" not in node:
        return ""
    return f"{node.get('__module__')!s:.200}.{node.get('__class__')!s:.200}"


def _rewrite(schema: dict[str, Any]) -> bool:
    """Replaces nodes, the outermost too; whether there were any."""
    changed = False
    for node in objects_in(schema):
        while (name := full_name(node)) in SEARCHES:
            changed = True
            _become(node, _best(node, name))
        name = full_name(node)
        if name in LEFT_OUT or name.startswith(LEFT_OUT_FROM) or _is_check(node, name):
            changed = True
            _become(node, _NOTHING)
        elif name in AS_ARRAYS:
            changed = True
            _become(node, node.get("content"))
            _become(node.get("content", {}).get("_asarray"), _NOTHING)
    return changed


def _become(node: Any, other: Any) -> None:
    """Makes a node another one; the keys of the whole file stay with its root."""
    if not isinstance(node, dict) or not isinstance(other, dict):
        raise InvalidModel(f"{_SCHEMA} is broken")
    kept = {key: node[key] for key in ("protocol", "_skops_version") if key in node}
    node.clear()
    node.update(other)
    node.update(kept)


def _best(node: dict[str, Any], name: str) -> Any:
    attributes = node.get("content")
    attributes = attributes.get("content") if isinstance(attributes, dict) else None
    best = attributes.get("best_estimator_") if isinstance(attributes, dict) else None
    if best is None:
        raise InvalidModel(f"{name.rpartition('.')[2]} holds no best estimator: fit it with refit=True")
    return best


def _is_check(node: dict[str, Any], name: str) -> bool:
    """Whether it is the check of arrays that a booster over categories puts before its numbers."""
    inner = node.get("content")
    return (
        name == "functools.partial"
        and isinstance(inner, dict)
        and full_name(inner.get("func")) == "sklearn.utils.validation.check_array"
    )
