"""The reference of the tables says what the tables are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foresight.store import Store
from foresight.store.reference import rewrite
from foresight.store.tables import metadata

DOCUMENT = Path(__file__).parents[3] / "docs" / "tables.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_reference_is_up_to_date() -> None:
    assert rewrite(TEXT) == TEXT, "run: python -m foresight.store.reference docs/tables.md"


def test_every_table_is_in_it() -> None:
    assert set(metadata.tables) == set(re.findall(r"^### `(\w+)`$", TEXT, flags=re.MULTILINE))


def test_a_document_without_a_marker_is_left_alone() -> None:
    with pytest.raises(ValueError, match="marker"):
        rewrite("# Something else\n")


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_queries_it_shows_run(store: Store, query: str) -> None:
    store.read(lambda connection: connection.exec_driver_sql(query).all())


def test_there_are_queries_to_run() -> None:
    assert len(QUERIES) >= 5
