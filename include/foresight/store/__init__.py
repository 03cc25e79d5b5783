"""The results store: tables with natural keys whose rows merge whatever the order of runs."""

from foresight.store.bulk import upsert
from foresight.store.checks import checksum, count_rows
from foresight.store.definitions import DEFINITION_LOCK, StoredSla, apply_sla, delete_sla, load_slas
from foresight.store.engine import Store, open_store
from foresight.store.finding import StoredSeries, find_series
from foresight.store.retention import Maintained, maintain
from foresight.store.runs import (
    find_publication,
    latest_as_of,
    pending_intervals,
    save_publication,
    save_run,
)
from foresight.store.samples import (
    load_matrix,
    save_samples,
    save_series,
)
from foresight.store.schema import SchemaMismatch, check_schema, expected_revision, migrate, stored_revision
from foresight.store.statuses import save_statuses

__all__ = [
    "DEFINITION_LOCK",
    "Maintained",
    "SchemaMismatch",
    "Store",
    "StoredSeries",
    "StoredSla",
    "apply_sla",
    "check_schema",
    "checksum",
    "count_rows",
    "delete_sla",
    "expected_revision",
    "find_publication",
    "find_series",
    "latest_as_of",
    "load_matrix",
    "load_slas",
    "maintain",
    "migrate",
    "open_store",
    "pending_intervals",
    "save_publication",
    "save_run",
    "save_samples",
    "save_series",
    "save_statuses",
    "stored_revision",
    "upsert",
]
