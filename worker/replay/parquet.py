"""Decisions and differences as Parquet, made of the JSON lines: the same lines give the same bytes.

The bytes also follow from the version of `pyarrow`, which stands in each file.
"""

from __future__ import annotations

from hashlib import file_digest
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
from pyarrow import parquet

from worker.replay.output import Sealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS: Final = 10_000
_STRING: Final = pa.string()
_NUMBER: Final = pa.float64()
_STAMP: Final = pa.struct([("name", _STRING), ("digest", _STRING)])
_DECISIONS: Final = pa.schema(
    [
        ("schema", _STRING),
        ("id", _STRING),
        ("post_id", _STRING),
        ("author_id", _STRING),
        (
            "source",
            pa.struct(
                [
                    ("topic", _STRING),
                    ("partition", pa.int32()),
                    ("offset", pa.int64()),
                    ("timestamp", pa.timestamp("ms", tz="UTC")),
                ]
            ),
        ),
        ("action", _STRING),
        ("score", _NUMBER),
        (
            "detector",
            pa.struct(
                [
                    ("name", _STRING),
                    ("digest", _STRING),
                    ("logit", _NUMBER),
                    ("probability", _NUMBER),
                    ("tokens", pa.int64()),
                    ("truncated", pa.bool_()),
                    ("calibrated", pa.bool_()),
                    ("threshold", _NUMBER),
                    ("false_positive_bound", _NUMBER),
                ]
            ),
        ),
        (
            "signals",
            pa.list_(pa.struct([("name", _STRING), ("value", _NUMBER), ("contribution", _NUMBER)])),
        ),
        ("reasons", pa.list_(_STRING)),
        ("policy", _STAMP),
        # What a platform puts there has no form that all posts share: JSON.
        ("metadata", _STRING),
    ]
)
_SIDE: Final = pa.struct(
    [
        ("id", _STRING),
        ("action", _STRING),
        ("score", _NUMBER),
        ("logit", _NUMBER),
        ("detector", _STRING),
        ("policy", _STRING),
    ]
)
_DIFF: Final = pa.schema(
    [
        ("kind", _STRING),
        ("source", pa.struct([("partition", pa.int32()), ("offset", pa.int64())])),
        ("post_id", _STRING),
        ("causes", pa.list_(_STRING)),
        ("fields", pa.list_(_STRING)),
        ("published", _SIDE),
        ("replayed", _SIDE),
        (
            "signals",
            pa.list_(
                pa.struct(
                    [
                        ("name", _STRING),
                        ("published", _NUMBER),
                        ("replayed", _NUMBER),
                        ("own_partition", _NUMBER),
                    ]
                )
            ),
        ),
        ("published_flags", pa.int32()),
        ("error", _STRING),
    ]
)
_FILES: Final = {"decisions": _DECISIONS, "diff": _DIFF}


def parquet_outputs(folder: Path) -> dict[str, Sealed]:
    """Writes `decisions.parquet` and `diff.parquet` beside the JSON lines in a folder.

    Returns:
        What the manifest is to name.
    """
    return {
        f"{name}.parquet": _written(folder / f"{name}.jsonl", folder / f"{name}.parquet", schema)
        for name, schema in _FILES.items()
    }


def _written(lines: Path, path: Path, schema: pa.Schema) -> Sealed:
    rows = 0
    with parquet.ParquetWriter(path, schema, version="2.6", compression="zstd") as writer:
        for batch in _batches(lines):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            rows += len(batch)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Sealed(bytes=path.stat().st_size, lines=rows, sha256=digest)


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        while lines := list(islice(file, _ROWS)):
            rows = [decode(line) for line in lines]
            for row in rows:
                if "metadata" in row:
                    row["metadata"] = msgspec.json.encode(row["metadata"]).decode()
            yield rows
