"""What becomes of each document of other tools: imported as what, or refused why. Run to write it anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foresight.sla.definitions import plain
from foresight.sla.files import Lint, lint

FOLDER = Path(__file__).parents[2] / "data" / "slo"
EXPECTED = FOLDER / "expected.json"
FILES = sorted(
    path for path in FOLDER.rglob("*") if path.suffix in {".yaml", ".yml", ".json"} and path != EXPECTED
)


def found(path: Path) -> Lint:
    return lint(path)


def outcome(path: Path) -> dict[str, Any]:
    read = found(path)
    return {
        "slas": [plain(sla) for sla in read.definitions.slas],
        "targets": [asdict(target) for target in read.definitions.targets],
        "mistakes": [f"{each.line}: {each.field}: {each.reason}" for each in read.mistakes],
        "notes": [f"{each.line}: {each.field}: {each.reason}" for each in read.notes],
    }


def outcomes() -> dict[str, Any]:
    plain_text = json.dumps({str(path.relative_to(FOLDER)): outcome(path) for path in FILES})
    return json.loads(plain_text.replace(f"{FOLDER}/", ""))  # type: ignore[no-any-return]


if __name__ == "__main__":
    EXPECTED.write_text(json.dumps(outcomes(), indent=1, ensure_ascii=False) + "\n")
