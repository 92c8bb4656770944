"""Null distributions that ship with the app, so that the first result does not wait for them.

They are those of the shipped networks and of SqueezeNet, written by
`python -m explorer.research.null_table` and found by the key of `explorer.analysis.nulls.null_key`,
which changes with everything that a null depends on. They are numbers alone: of the photographs
from which some were measured, none ships.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from explorer.metrics.null import QUANTILES, Distribution, Null, histogram_range

TABLE = Path(__file__).parent / "shipped_nulls.json.gz"
_DIGITS = 8


def shipped(key: str) -> Null | None:
    """The null of this key; None where none ships."""
    table = _table()
    row = table["nulls"].get(key)
    if row is None:
        return None
    source, n_pictures, n_pairs, ranked, distributions = row
    return Null(
        n_pictures,
        n_pairs,
        {name: _distribution(each) for name, each in distributions.items()},
        table["sources"][source],
        ranked,
    )


def keys() -> frozenset[str]:
    """Those of every null that ships."""
    return frozenset(_table()["nulls"])


def packed(nulls: Mapping[str, Null]) -> bytes:
    """The table's content: nulls by key.

    Edges are left out, because they are equal steps from the smallest to the largest value.
    """
    sources = sorted({null.source for null in nulls.values()})
    rows = {
        key: [
            sources.index(null.source),
            null.n_pictures,
            null.n_pairs,
            null.ranked,
            {name: _row(each) for name, each in null.distributions.items()},
        ]
        for key, null in nulls.items()
    }
    text = json.dumps({"sources": sources, "nulls": rows}, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


@cache
def _table() -> dict[str, Any]:
    if not TABLE.exists():
        return {"sources": [], "nulls": {}}
    values: dict[str, Any] = json.loads(gzip.decompress(TABLE.read_bytes()))
    return values


def _row(distribution: Distribution) -> list[Any]:
    if not distribution.n:
        return [0]
    quantiles = [float(f"{value:.{_DIGITS}g}") for value in distribution.quantiles.values()]
    return [distribution.n, quantiles, list(distribution.counts)]


def _distribution(row: list[Any]) -> Distribution:
    if not row[0]:
        return Distribution.of(np.empty(0))
    n, values, counts = row
    quantiles = dict(zip(QUANTILES, values, strict=True))
    low, high = histogram_range(quantiles["min"], quantiles["max"])
    edges = np.linspace(low, high, len(counts) + 1)
    return Distribution(n, quantiles, tuple(counts), tuple(map(float, edges)))
