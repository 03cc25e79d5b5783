"""Makes ``smd.parquet`` from the CSV files of the Server Machine Dataset: ``python make_smd.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MACHINES = ("machine-1-6", "machine-2-1")


def recorded(folder: Path) -> pa.Table:
    """Both machines, cut to the same length; values in millionths, which the files give exactly."""
    parts = [pd.read_csv(folder / f"{machine}_test.csv.gz") for machine in MACHINES]
    length = min(map(len, parts))
    frames = []
    for machine, part in zip(MACHINES, parts, strict=True):
        values = part.iloc[:length].drop(columns=["minute", "label"]).add_prefix("smd_")
        whole = pd.DataFrame((values * 1e6).round().astype("int32"))
        whole.insert(0, "minute", np.arange(length, dtype=np.int32))
        whole.insert(0, "instance", machine)
        frames.append(whole)
    return pa.Table.from_pandas(pd.concat(frames), preserve_index=False).replace_schema_metadata(None)


if __name__ == "__main__":
    table = recorded(Path(sys.argv[1]))
    encodings = {name: "BYTE_STREAM_SPLIT" for name in table.column_names if name != "instance"}
    pq.write_table(
        table,
        Path(__file__).parent / "smd.parquet",
        compression="zstd",
        compression_level=19,
        use_dictionary=["instance"],
        column_encoding=encodings,
    )
