"""What was stored of slices before granularity was part of the key is carried over."""
# ruff: noqa: S608 - statements of this file

from __future__ import annotations

from pathlib import Path

from foresight.store import migrate, open_store

START = "2025-11-30 22:00:07"


def test_rows_of_the_old_keys_are_carried_over_with_rounded_starts(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/old.db")
    migrate(store, "0005")
    key = f"'01-b989bd', 'cu1', '101', '{START}'"
    measured = f"INSERT INTO slice_measurement VALUES ({key}, 900, 400, 280, 110, 'measured', 1, 'ems')"
    limit = f"INSERT INTO slice_configuration VALUES ({key}, 120, '{START}', 'service')"
    decided = (
        f"INSERT INTO slice_prediction VALUES ({key}, '{START}', 'ready', 0, 'v1', 120, NULL, 125.5, 125.5, "
        "126, 'nearest', 1, NULL)"
    )
    for statement in (measured, limit, decided):
        store.transact(lambda c, statement=statement: c.exec_driver_sql(statement))  # type: ignore[misc]
    migrate(store)

    def one(query: str) -> tuple[object, ...]:
        return tuple(store.read(lambda c: c.exec_driver_sql(query).one()))

    names = "snssai, granularity_seconds, period_start, sent_as"
    rounded = ("01-B989BD", 900, "2025-11-30 22:00:00", "01-b989bd")
    assert one(f"SELECT {names}, requests, suspicion FROM slice_measurement") == (
        *rounded, 400.0, "marked by its sender",
    )  # fmt: skip
    assert one(f"SELECT {names}, final, model_version FROM slice_prediction") == (*rounded, 126.0, "v1")
    assert one("SELECT snssai, connections, since FROM slice_configuration") == ("01-B989BD", 120, START)
    migrate(store)
    store.close()
