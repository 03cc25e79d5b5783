"""How one server wants its questions, asked of the server itself.

Version numbers do not tell: Thanos, Mimir and VictoriaMetrics have their own.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.telemetry import promql
from foresight.telemetry.api import PrometheusApi
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.promql import Spelling
from foresight.telemetry.source import Selection

_WHOLE_MINUTE: Final = 1_700_000_040


class Dialect:
    """The PromQL of one server."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api

    def anything_within(self, entry: WatchedMetric, grid: Grid, *, is_scalar: bool = False) -> str:
        """The query that answers with every series of an entry that holds anything within the grid."""
        seconds = grid.n_slots * grid.step_seconds
        spelling = self._spelling_of(Selection(entry, ()))
        return promql.anything_within(
            entry, seconds, closed=self.has_closed_ranges, spelling=spelling, is_scalar=is_scalar
        )

    def samples_of(self, selection: Selection, step_seconds: int) -> str:
        """The query whose value at the end of a slot is the sample of that slot."""
        spelling = self._spelling_of(selection)
        return promql.samples_of(selection, step_seconds, closed=self.has_closed_ranges, spelling=spelling)

    @cached_property
    def has_closed_ranges(self) -> bool:
        """Whether a range includes its beginning, as before Prometheus 3.

        A subquery of one minute in steps of a minute finds both ends, or one.
        """
        result = self._api.instant("count_over_time(vector(1)[60s:60s])", _WHOLE_MINUTE).series
        try:
            return not (len(result) == 1 and result[0].get("value", [None, None])[1] == "1")
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise BadAnswer(f"{self._api.address}: the result is not a list of series: {error!r}") from error

    def _spelling_of(self, selection: Selection) -> Spelling:
        """How the label names in the query of a selection are spelled."""
        entry = selection.entry
        is_plain = entry.query is not None or promql.is_classic(entry, selection.narrowed)
        return "quoted" if is_plain else self._spelling

    @cached_property
    def _spelling(self) -> Spelling:
        """How this server wants unusual label names; asked of its parser."""
        spellings: dict[Spelling, str] = {"quoted": '{x="y","a.b"="c"}', "escaped": r'{x="y",a\.b="c"}'}
        for spelling, query in spellings.items():
            try:
                self._api.instant(query, _WHOLE_MINUTE)
            except BadAnswer:
                continue
            return spelling
        raise BadAnswer(
            f"{self._api.address}: this server cannot be asked for label names beyond letters, digits and "
            "underscores: Prometheus can since version 3"
        )
