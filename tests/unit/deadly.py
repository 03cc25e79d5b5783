"""Children whose model ends their process at a sepal width of 666, as a crash in a library does."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every process that is started from here on."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import os, signal
            from foresight.scoring.records import RecordScorer
            score = RecordScorer.score
            def deadly(self, records):
                if any(isinstance(one, dict) and one.get("sepal_width") in (666, "666") for one in records):
                    os.kill(os.getpid(), signal.SIGSEGV)
                return score(self, records)
            RecordScorer.score = deadly
        """)
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
