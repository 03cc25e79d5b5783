"""Which kinds of models there are, and where each finds its runtime.

How to add one: write ``load(source) -> ScoringModel`` in a folder of its own, enter it in ``KINDS`` and the
endings of its files in ``ENDINGS``, and name it in the contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.model import ScoringModel


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
    ".h5": "keras",
    ".hdf5": "keras",
}
_PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".dill"})


def kind_of(file: str) -> str:
    """The kind of a model by the ending of its file. Raises ``UnsupportedModel``."""
    ending = PurePath(file).suffix.lower()
    if ending in _PICKLES:
        raise UnsupportedModel(
            f"a {ending} file", "runs code of its author when it is read: save the model with skops.io.dump"
        )
    if ending == ".pb":
        raise UnsupportedModel(
            "a SavedModel",
            "is a graph that may read and write files: save the model with model.save('model.keras')",
        )
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
