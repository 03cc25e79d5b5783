"""SLAs: their definitions, their status at one as-of, their changes of state."""

from foresight.sla.changes import StateAt, StateChange, changes, event_message
from foresight.sla.definitions import Definitions, Matcher, Sla, Sli, Target
from foresight.sla.evaluation import evaluate
from foresight.sla.files import Lint, lint, load_definitions, load_slas, parse_definitions, parse_slas
from foresight.sla.json_form import sla_document, sla_from_document, sla_status_document
from foresight.sla.matching import Pairs, pair_up, resolve, slis_of
from foresight.sla.openslo import from_openslo
from foresight.sla.openslo_export import openslo_text, to_openslo
from foresight.sla.outlooks import Outlooks
from foresight.sla.rows import definition_rows, status_rows
from foresight.sla.status import SlaStatus, SliStatus, State

__all__ = [
    "Definitions",
    "Lint",
    "Matcher",
    "Outlooks",
    "Pairs",
    "Sla",
    "SlaStatus",
    "Sli",
    "SliStatus",
    "State",
    "StateAt",
    "StateChange",
    "Target",
    "changes",
    "definition_rows",
    "evaluate",
    "event_message",
    "from_openslo",
    "lint",
    "load_definitions",
    "load_slas",
    "openslo_text",
    "pair_up",
    "parse_definitions",
    "parse_slas",
    "resolve",
    "sla_document",
    "sla_from_document",
    "sla_status_document",
    "slis_of",
    "status_rows",
    "to_openslo",
]
