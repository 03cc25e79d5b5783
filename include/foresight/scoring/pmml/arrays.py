"""The arrays that PMML writes as text: ``1 2 3``, ``a "b c" "d \\"e\\""``, sparse ones and matrices."""

from __future__ import annotations

import re

import numpy as np

from foresight.scoring.pmml.values import Floats
from foresight.scoring.pmml.xml import Element

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def texts(element: Element) -> list[str]:
    """The members of an Array, unquoted."""
    if '"' not in element.text:
        return element.text.split()
    found = _TOKEN.findall(element.text)
    return [bare or re.sub(r"\\(.)", r"\1", quoted) for quoted, bare in found]


def numbers(element: Element) -> Floats:
    """The members of a numeric Array; every one finite."""
    return np.array([element.finite(text, "member") for text in texts(element)], np.float64)


def sparse(element: Element, size: int | None = None) -> Floats:
    """A REAL-SparseArray or INT-SparseArray with its defaults filled in."""
    indices, entries = element.first("Indices"), element.first("REAL-Entries", "INT-Entries")
    where = [] if indices is None else [int(element.finite(t, "index")) - 1 for t in indices.text.split()]
    what = np.empty(0) if entries is None else numbers(entries)
    n = int(element.number("n", float(max(where, default=-1) + 1 if size is None else size)))
    n = n if size is None else size
    if not 0 <= n <= 1_000_000 or len(where) != len(what) or any(not 0 <= i < n for i in where):
        raise element.broken("indices and entries do not fit")
    out = np.full(n, element.number("defaultValue", 0.0))
    out[where] = what
    return out


def dense(element: Element, size: int | None = None) -> Floats:
    """A numeric array, written in full or sparse."""
    if element.tag in {"REAL-SparseArray", "INT-SparseArray"}:
        return sparse(element, size)
    return numbers(element)


def matrix(element: Element) -> Floats:
    """A Matrix: full, diagonal or symmetric (its lower left half), or by cells."""
    rows = [numbers(array) for array in element.all("Array")]
    kind = element.get("kind", "any")
    if kind not in {"any", "diagonal", "symmetric"}:
        raise element.broken(f"kind {kind[:40]!r} is not known")
    if not rows:
        return _by_cells(element)
    if kind == "diagonal":
        return np.diag(rows[0])
    if kind == "symmetric":
        out = np.zeros((len(rows), len(rows)))
        for i, row in enumerate(rows):
            if len(row) != i + 1:
                raise element.broken("a symmetric matrix holds i numbers in row i")
            out[i, : i + 1] = out[: i + 1, i] = row
        return out
    if len({len(row) for row in rows}) != 1:
        raise element.broken("its rows differ in length")
    return np.array(rows)


def _by_cells(element: Element) -> Floats:
    rows, columns = int(element.number("nbRows")), int(element.number("nbCols"))
    if not 0 < rows * columns <= 1_000_000:
        raise element.broken("its size is not allowed")
    out = np.full((rows, columns), element.number("offDiagDefault", 0.0))
    np.fill_diagonal(out, element.number("diagDefault", 0.0))
    for cell in element.all("MatCell"):
        row, column = int(cell.number("row")) - 1, int(cell.number("col")) - 1
        if not (0 <= row < rows and 0 <= column < columns):
            raise cell.broken("lies outside of its matrix")
        out[row, column] = cell.finite(cell.text, "value")
    return out
