"""Performance data from files: tables of counters (Excel, CSV, Parquet), and events as JSON.

A table is wide (one row a period; columns such as ``13999_SM.PDUSessionSetupReq.01``, as ONAP publishes) or
long (one row a cell and period; columns as in ``LONG``). JSON is one message, a list of them, or one a line.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.errors import InvalidDocument, Mistake
from foresight.slices.recording import GRANULARITY_SECONDS, CellKey, Recording, messages
from foresight.slices.targets import Floats

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES: Final = 256 * 1024 * 1024
MAX_VALUES: Final = 50_000_000
N_VALUES: Final = 4
"""Values of a cell and period: three counters and what was configured."""
TABLES: Final = (".xlsx", ".csv", ".parquet")
EVENTS: Final = (".json", ".jsonl")
WRITTEN: Final = (*TABLES, ".jsonl")
LONG: Final = ("snssai", "cu", "cell", "period_start", "requests", "successes", "failures")
"""``period_start`` in epoch seconds; a column ``configured`` may follow."""

_WIDE = re.compile(
    r"(?P<cell>.+?)_(?:SM\.PDUSessionSetup(?P<counter>Req|Succ|Fail)\.|maxNumberOfConns[._]).*"
)
_COUNTERS = {"Req": 0, "Succ": 1, "Fail": 2}


def read_recording(
    path: Path,
    *,
    snssai: str = "01-B989BD",
    cu: str = "cucpserver1",
    start: int = 0,
    granularity_seconds: int = GRANULARITY_SECONDS,
) -> Recording:
    """A table as a recording; slice, gNB-CU and start stand in for what a wide table does not say.

    Raises ``InvalidDocument`` with the column or the row that is wrong.
    """
    frame = _table(path)
    if set(LONG) <= set(frame.columns):
        return _long(path, frame, granularity_seconds)
    return _wide(path, frame, snssai, cu, start, granularity_seconds)


def read_messages(path: Path) -> list[bytes]:
    """Messages of a JSON file, each as it would be on the topic: parsing them is the reader's task."""
    data = _bounded(path).read_bytes()
    if path.suffix == ".jsonl":
        return [line for line in data.splitlines() if line.strip()]
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _wrong(path, "", f"not valid JSON: {error}") from error
    items = document if isinstance(document, list) else [document]
    return [item.encode() if isinstance(item, str) else orjson.dumps(item) for item in items]


def write_recording(recording: Recording, path: Path) -> None:
    """A recording as a long table, or as the events that it could have come in, one a line (``.jsonl``).

    Raises ``InvalidDocument`` for any other suffix, or where nothing can be written.
    """
    if path.suffix not in WRITTEN:
        raise _wrong(path, "", f"expected one of {', '.join(WRITTEN)}, got {path.suffix or 'no suffix'}")
    try:
        if path.suffix == ".jsonl":
            path.write_bytes(b"".join(value + b"\n" for _, _, value in messages(recording)))
            return
        frame = _long_table(recording)
        if path.suffix == ".xlsx":
            frame.to_excel(path, index=False)
        elif path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False)
    except (OSError, ValueError) as error:
        raise _wrong(path, "", f"cannot be written: {error}") from error


def _long_table(recording: Recording) -> pd.DataFrame:
    """Columns as in ``LONG``, and ``configured``; one row a cell and period."""
    import pandas as pd

    n_periods = recording.counters.shape[1]
    named = {name: np.repeat([getattr(key, name) for key in recording.keys], n_periods) for name in LONG[:3]}
    numbers = dict(zip(LONG[4:], recording.counters.reshape(-1, 3).T, strict=True))
    starts = np.tile(recording.starts, len(recording.keys))
    configured = recording.configured.ravel()
    return pd.DataFrame(named | {"period_start": starts} | numbers | {"configured": configured})


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    _bounded(path)
    try:
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(part.file_size for part in archive.infolist())
            if unpacked > MAX_BYTES:
                raise _wrong(path, "", f"unpacks to {unpacked} bytes, at most {MAX_BYTES}")
            frame = pd.read_excel(path, engine="openpyxl")
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype={"snssai": str, "cu": str, "cell": str})
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise _wrong(path, "", f"cannot be read as {path.suffix}: {error}") from error
    if frame.size > MAX_VALUES or frame.empty:
        raise _wrong(path, "", f"a table has 1 to {MAX_VALUES} values, got {frame.size}")
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _bounded(path: Path) -> Path:
    if path.suffix not in TABLES + EVENTS:
        raise _wrong(
            path, "", f"expected one of {', '.join(TABLES + EVENTS)}, got {path.suffix or 'no suffix'}"
        )
    if not path.is_file():
        raise _wrong(path, "", "there is no such file")
    if path.stat().st_size > MAX_BYTES:
        raise _wrong(path, "", f"larger than {MAX_BYTES} bytes")
    return path


def _wide(path: Path, frame: pd.DataFrame, snssai: str, cu: str, start: int, seconds: int) -> Recording:
    columns: dict[str, dict[int, str]] = {}
    for name in frame.columns:
        match = _WIDE.fullmatch(name)
        if match is None:
            raise _wrong(path, name, f"neither a counter of a cell nor one of the columns {', '.join(LONG)}")
        place = _COUNTERS[match["counter"]] if match["counter"] else 3
        if not name.endswith("predicted"):  # an answer, not a measurement
            columns.setdefault(match["cell"], {})[place] = name
    values = np.full((len(columns), len(frame), N_VALUES), np.nan)
    for row, (cell, found) in enumerate(columns.items()):
        if not {0, 1} <= set(found):
            raise _wrong(path, cell, "this cell lacks its column of requests or of successes")
        for place, name in found.items():
            values[row, :, place] = _numbers(path, name, frame[name])
    keys = tuple(CellKey(snssai, cu, cell) for cell in columns)
    return Recording(keys, start, values[..., :3], values[..., 3], seconds)


def _long(path: Path, frame: pd.DataFrame, seconds: int) -> Recording:
    names = [*LONG[3:], *(["configured"] if "configured" in frame.columns else [])]
    numbers = {name: _numbers(path, name, frame[name]) for name in names}
    starts = numbers["period_start"]
    if not np.isfinite(starts).all():
        raise _wrong(path, "period_start", f"row {int(np.argmin(np.isfinite(starts))) + 2} has none")
    first = int(starts.min())
    period = np.rint((starts - first) / seconds).astype(np.int64)
    absent = frame[list(LONG[:3])].isna().any(axis=1).to_numpy()
    if absent.any():
        raise _wrong(path, "cell", f"row {int(np.argmax(absent)) + 2} lacks its slice, gNB-CU or cell")
    grouped = frame.groupby(list(LONG[:3]), sort=True)
    row = grouped.ngroup().to_numpy()
    shape = len(grouped), int(period.max()) + 1
    if shape[0] * shape[1] * N_VALUES > MAX_VALUES:
        raise _wrong(path, "period_start", f"spans {shape[1]} periods of {shape[0]} cells: too many")
    values = np.full((*shape, N_VALUES), np.nan)
    for place, name in enumerate(names[1:]):
        values[row, period, place] = numbers[name]
    named = grouped.size().reset_index()
    keys = tuple(CellKey(*key) for key in zip(*(named[part].astype(str) for part in LONG[:3]), strict=True))
    return Recording(keys, first, values[..., :3], values[..., 3], seconds)


def _numbers(path: Path, name: str, column: pd.Series[float]) -> Floats:
    import pandas as pd

    numbers: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    bad = (np.isnan(numbers) & column.notna().to_numpy()) | (numbers < 0) | np.isinf(numbers)
    if bad.any():
        row = int(np.argmax(bad))
        raise _wrong(
            path, name, f"row {row + 2}: expected a number of at least 0, got {column.iloc[row]!r:.60}"
        )
    return numbers


def _wrong(path: Path, field: str, reason: str) -> InvalidDocument:
    return InvalidDocument([Mistake(str(path), 0, field, reason)])
