"""The fleet: every SLI by its risk."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response

from foresight.services import fleet
from foresight.services.listings import Filter, read_page
from foresight.services.lists import STATUSES
from foresight.web.context import Doors
from foresight.web.fields import Plain
from foresight.web.listing import CursorText, read_cursor
from foresight.web.pages.lists import beside
from foresight.web.pages.rendering import LIKELY, STATES, page, query

ORDERS: Final = (
    ("-risk", "highest risk"),
    ("budget_left_share", "least budget left"),
    ("-burn_rate", "fastest burning"),
    ("sla_name", "name"),
)
ROWS: Final = 50
Text = Annotated[Plain | None, Query(max_length=255)]


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the page."""

    @app.get("/pages/fleet", include_in_schema=False)
    def get_fleet_page(
        request: Request,
        q: Text = None,
        owner: Text = None,
        state: Text = None,
        alerting: Text = None,
        order: Text = None,
        cursor: CursorText = None,
    ) -> Response:
        known = {value for value, _ in ORDERS}
        order = order if order in known else ORDERS[0][0]
        given = {"q": q, "owner": owner, "state": state, "alerting": alerting, "order": order}
        found = read_page(
            doors.store,
            STATUSES,
            filters=_filters(q, owner, state, alerting),
            order=(order,),
            cursor=read_cursor(STATUSES, (order,), cursor or None),
            limit=ROWS,
        )
        seen = fleet.overview(doors.store)
        recent = fleet.recent_probabilities(
            doors.store, [(row["sla_name"], row["sli_name"]) for row in found.rows], seen.as_of
        )
        rows = [row | {"recent": recent.get((row["sla_name"], row["sli_name"]), [])} for row in found.rows]
        export = query([
            ("sla_name_pattern", q), ("owner", owner), ("state", state), ("is_alerting", alerting),
            ("order_by", order),
        ])  # fmt: skip
        return page(
            request, "fleet.html",
            rows=rows, page=beside(STATUSES, (order,), found, given), n_all=sum(seen.counts.values()),
            counts=[(name, seen.counts[name]) for name in STATES if name in seen.counts],
            n_alerting=seen.n_alerting, as_of=seen.as_of, chosen=state, alerting=alerting, q=q, owner=owner,
            likely=LIKELY, order=order, orders=ORDERS, states=STATES, export=export,
        )  # fmt: skip


def _filters(q: str | None, owner: str | None, state: str | None, alerting: str | None) -> list[Filter]:
    found = []
    if q:
        found.append(Filter("sla_name", "pattern", q))
    if owner:
        found.append(Filter("owner", "eq", [owner]))
    if state:
        found.append(Filter("state", "eq", [state]))
    if alerting:
        found.append(Filter("is_alerting", "eq", alerting == "true"))
    return found
