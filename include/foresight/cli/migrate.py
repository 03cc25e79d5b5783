"""``foresight migrate``."""

from __future__ import annotations

from foresight.cli.console import console, reports_errors


@reports_errors
def migrate() -> None:
    """Bring the tables of the results database to the version that this Foresight needs."""
    from foresight.store import migrate as migrate_store
    from foresight.store import stored_revision
    from foresight.wiring.connections import upkeep_results

    store = upkeep_results()
    before = store.read(stored_revision)
    migrate_store(store)
    after = store.read(stored_revision)
    what = "unchanged" if before == after else f"from {before or 'no tables'}"
    console.print(f"{store.name}: revision {after}, {what}", markup=False, highlight=False)
