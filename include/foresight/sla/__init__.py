"""SLAs: their definitions, their status at one as-of, their changes of state."""

from foresight.sla.definitions import Matcher, Sla, Sli
from foresight.sla.evaluation import evaluate
from foresight.sla.files import load_slas, parse_slas
from foresight.sla.matching import Pairs, pair_up, resolve, slis_of
from foresight.sla.outlooks import Outlooks
from foresight.sla.status import SlaStatus, SliStatus, State

__all__ = [
    "Matcher",
    "Outlooks",
    "Pairs",
    "Sla",
    "SlaStatus",
    "Sli",
    "SliStatus",
    "State",
    "evaluate",
    "load_slas",
    "pair_up",
    "parse_slas",
    "resolve",
    "slis_of",
]
