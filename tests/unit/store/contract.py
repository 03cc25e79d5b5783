"""What every database and every way of writing has to keep; a fixture ``store`` gives the one to try."""

from __future__ import annotations

from tests.unit.store.contract_intervals import IntervalContract
from tests.unit.store.contract_retention import ChecksumContract, RetentionContract
from tests.unit.store.contract_risks import RiskContract
from tests.unit.store.contract_samples import SamplesContract
from tests.unit.store.contract_statuses import StatusContract
from tests.unit.store.contract_values import MergeContract, ValuesContract


class WritingContract(ValuesContract, MergeContract, SamplesContract):
    """What depends on the way of writing."""


class StoreContract(
    WritingContract, IntervalContract, StatusContract, RiskContract, RetentionContract, ChecksumContract
):
    """Everything."""
