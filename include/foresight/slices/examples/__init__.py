"""A small trained model and a short recording that ship with the package: what the demo runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
MODEL: Final = FOLDER / "reference.model"
"""The reference network, trained by ``python -m foresight.slices.examples.make``."""
RECORDING: Final = FOLDER / "recording.csv"
"""Two slices in twelve cells of two gNB-CUs over eight periods, made by the same; four rows have a flaw."""
