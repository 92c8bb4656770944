"""The table of a sweep as Parquet and CSV."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from explorer.files import row_as_text
from explorer.sweep.columns import columns

if TYPE_CHECKING:
    import pyarrow

Row = Mapping[str, Any]
"""Values by the names of `explorer.sweep.columns.columns`; what is left out has no value."""


def table(rows: Iterable[Row]) -> pyarrow.Table:
    """The rows with all columns; each column's metadata says what it holds (`description`)."""
    import pyarrow as pa

    kinds = {"text": pa.string(), "number": pa.float64(), "whole": pa.int64(), "truth": pa.bool_()}
    schema = pa.schema(
        [
            pa.field(column.name, kinds[column.kind], metadata={"description": column.help})
            for column in columns()
        ]
    )
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def parquet(rows: Iterable[Row]) -> bytes:
    """The rows as a Parquet file."""
    from pyarrow import parquet as files

    buffer = io.BytesIO()
    files.write_table(table(rows), buffer, compression="zstd")
    return buffer.getvalue()


def csv(rows: Iterable[Row]) -> bytes:
    """The rows as CSV in UTF-8: the columns' names in the first line; empty where no value is.

    Text that a spreadsheet would run has an apostrophe before it (`explorer.files`).
    """
    from pyarrow import csv as files

    buffer = io.BytesIO()
    files.write_csv(table(map(row_as_text, rows)), buffer)
    return buffer.getvalue()
