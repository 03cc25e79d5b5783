"""Short PMML documents for tests: fields by name and type, the rest as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foresight.scoring.model import Scored
from foresight.scoring.pmml.runtime import PmmlModel, load

NUMBER = 'optype="continuous" dataType="double"'
WHOLE = 'optype="continuous" dataType="integer"'
TEXT = 'optype="categorical" dataType="string"'


def fields(**types: str) -> str:
    """A DataDictionary; a type may close its tag itself to hold values."""
    rows = [
        f'<DataField name="{name}" {kind}' + ("</DataField>" if ">" in kind else "/>")
        for name, kind in types.items()
    ]
    return f"<DataDictionary>{''.join(rows)}</DataDictionary>"


def classes(*values: str, kind: str = TEXT) -> str:
    """The type of a field with these categories."""
    return kind + ">" + "".join(f'<Value value="{value}"/>' for value in values)


def schema(*names: str, target: str | None = None, **special: str) -> str:
    """A MiningSchema; ``special`` gives the attributes of some fields."""
    rows = [f'<MiningField name="{name}" {special.get(name, "")}/>' for name in names]
    if target:
        rows.append(f'<MiningField name="{target}" usageType="target"/>')
    return f"<MiningSchema>{''.join(rows)}</MiningSchema>"


def document(dictionary: str, model: str, transformations: str = "", version: str = "4.4") -> bytes:
    """A whole document."""
    text = (
        f'<?xml version="1.0"?><PMML xmlns="http://www.dmg.org/PMML-4_4" version="{version}"><Header/>'
        f"{dictionary}{transformations}{model}</PMML>"
    )
    return text.encode()


def model(dictionary: str, text: str, transformations: str = "", version: str = "4.4") -> PmmlModel:
    """A whole document, loaded."""
    return load(document(dictionary, text, transformations, version))


def score(loaded: PmmlModel, **columns: Sequence[Any]) -> Scored:
    """Predictions for columns of plain values."""
    return loaded.predict({name: column(values) for name, values in columns.items()})


def column(values: Sequence[Any]) -> np.ndarray:
    """Plain values as an array of objects."""
    out = np.empty(len(values), object)
    out[:] = list(values)
    return out


def one(loaded: PmmlModel, name: str, record: Mapping[str, Any]) -> Any:
    """One output for one record; NaN as None."""
    value = score(loaded, **{key: [item] for key, item in record.items()}).records([name])[0][name]
    return value.item() if isinstance(value, np.generic) else value
