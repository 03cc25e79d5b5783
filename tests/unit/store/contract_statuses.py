"""Statuses and changes of state: claims about any store."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from foresight.store import (
    Store,
)
from foresight.store.tables import (
    sla_event,
    sla_status,
    sli_status,
    sli_window,
)
from tests.unit.store.rows import (
    T0,
    all_rows,
    column,
    evaluate,
)

DAY = 86_400


class StatusContract:
    """Changes of state follow from the statuses, in whatever order those came."""

    HISTORY = (
        {"x": "ok", "y": "violated"},
        {"x": "violated", "y": "violated"},
        {"x": "violated"},
        {"x": "ok", "y": "ok"},
    )

    def expected(self) -> list[tuple[Any, ...]]:
        events = []
        for name in ("x", "y"):
            previous: tuple[int | None, str | None] = (None, None)
            for run, states in enumerate(self.HISTORY):
                if name in states:
                    if states[name] != (previous[1] or "ok"):
                        events.append(("shop", name, T0 + 600 * run, *previous, states[name]))
                    previous = (T0 + 600 * run, states[name])
        return sorted(events)

    def events(self, store: Store) -> list[tuple[Any, ...]]:
        def plain(value: Any) -> Any:
            return int(value.timestamp()) if hasattr(value, "timestamp") else value

        return [tuple(map(plain, row)) for row in all_rows(store, sla_event)]

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
    def test_events_are_the_same_whatever_the_order(self, store: Store, order: tuple[int, ...]) -> None:
        for run in order:
            evaluate(store, T0 + 600 * run, self.HISTORY[run])
        assert self.expected() == self.events(store)

    def test_evaluating_again_changes_nothing(self, store: Store) -> None:
        for run in (0, 1, 2, 3, 1, 0):
            evaluate(store, T0 + 600 * run, self.HISTORY[run])
        assert self.expected() == self.events(store)

    def test_another_answer_for_the_same_instant_replaces_rows_and_events(self, store: Store) -> None:
        evaluate(store, T0, {"x": "violated", "gone": "violated"})
        evaluate(store, T0 + 600, {"x": "violated", "gone": "violated"})
        evaluate(store, T0, {"x": "ok"})
        assert (self.events(store)) == [
            ("shop", "gone", T0 + 600, None, None, "violated"),
            ("shop", "x", T0 + 600, T0, "ok", "violated"),
        ]
        assert column(store, sli_status, "sli_name") == ["gone", "x", "x"]
        assert column(store, sli_window, "sli_name") == ["gone", "x", "x"]

    def test_the_newest_status_counts_however_long_ago_it_was(self, store: Store) -> None:
        evaluate(store, T0 - 40 * DAY, {"x": "violated"})
        evaluate(store, T0, {"x": "ok"})
        evaluate(store, T0 - 39 * DAY, {"x": "violated"})
        assert (self.events(store)) == [
            ("shop", "x", T0 - 40 * DAY, None, None, "violated"),
            ("shop", "x", T0, T0 - 39 * DAY, "violated", "ok"),
        ]

    def test_other_slas_are_left_alone(self, store: Store) -> None:
        evaluate(store, T0, {"x": "violated"})
        evaluate(store, T0, {"x": "ok"}, sla="other")
        assert column(store, sla_status, "sla_name") == ["other", "shop"]
        assert column(store, sli_status, "state") == ["ok", "violated"]
