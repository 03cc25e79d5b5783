"""The tree of Fisher's flowers, and a flower."""

from __future__ import annotations

from pathlib import Path

import foresight.scoring

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
