"""Many records of plain numbers at once: read, checked and laid out by loops of C.

Nothing is judged here: where a record is not plainly right, all of them go the way that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.mapping import FieldMapping

Bulk = Callable[[Sequence[Any]], NDArray[np.float64] | None]


def bulk_pass(mapping: FieldMapping) -> Bulk | None:
    """From records to numbers ``[n_inputs, n]``, or None where one of them is not plainly right.

    There is none for a mapping whose inputs are more than any finite numbers.
    """
    targets = [feed.target for feed in mapping.feeds]
    if mapping.array_field is not None or mapping.reads_text or not targets:
        return None
    if any(one.data_type not in {"double", "float"} or one.values or one.bounds for one in targets):
        return None
    sources = [feed.source for feed in mapping.feeds]
    n_fields = len(sources)
    read = itemgetter(*sources)

    def gather(records: Sequence[Any]) -> NDArray[np.float64] | None:
        if set(map(type, records)) != {dict}:
            return None
        try:
            rows = list(map(read, records))
        except KeyError:
            return None
        values = rows if n_fields == 1 else list(chain.from_iterable(rows))
        if set(map(type, values)) != {float}:
            return None
        matrix = np.fromiter(values, np.float64, len(values)).reshape(len(records), n_fields)
        return matrix.T if np.isfinite(matrix).all() else None

    return gather
