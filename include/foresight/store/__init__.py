"""The results store: tables with natural keys whose rows merge whatever the order of runs."""

from foresight.store.bulk import upsert
from foresight.store.definitions import DEFINITION_LOCK, StoredSla, apply_sla, delete_sla, load_slas
from foresight.store.engine import Store, open_store
from foresight.store.runs import (
    find_publication,
    latest_as_of,
    pending_intervals,
    save_publication,
    save_run,
)
from foresight.store.samples import (
    Matcher,
    StoredSeries,
    find_series,
    load_matrix,
    save_samples,
    save_series,
)
from foresight.store.schema import migrate
from foresight.store.statuses import save_statuses

__all__ = [
    "DEFINITION_LOCK",
    "Matcher",
    "Store",
    "StoredSeries",
    "StoredSla",
    "apply_sla",
    "delete_sla",
    "find_publication",
    "find_series",
    "latest_as_of",
    "load_matrix",
    "load_slas",
    "migrate",
    "open_store",
    "pending_intervals",
    "save_publication",
    "save_run",
    "save_samples",
    "save_series",
    "save_statuses",
    "upsert",
]
