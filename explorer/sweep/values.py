"""The values that a sweep lists for one key: single ones, lists and ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.errors import shortened, unknown
from explorer.sweep.source import Table

MOST_VALUES = 100_000
RANGE_EXAMPLE = "{ from = 0, to = 9 }, with step or count, and spacing = 'log' where wanted"

_VECTORS = ("mean", "std")
_RANGE_KEYS = ("from", "to", "step", "count", "spacing")
_NUMBERS = ("steps", "goal", "rng_seed", "size", "crop_pct")


@dataclass(frozen=True)
class LayerRange:
    """The layers from one to another, in order of execution, that are as deep as these two."""

    first: str
    last: str

    def of(self, names: Sequence[str]) -> list[str]:
        """Those among a network's layers; ValueError with a sentence where there is no such range.

        names: of all its layers, in order of execution, both ends among them.
        """
        depth = self.first.count(".")
        if self.last.count(".") != depth:
            raise ValueError(
                f"{self.first!r} and {self.last!r} are not equally deep in the network; a range "
                "joins layers whose names have as many dots"
            )
        start, end_index = names.index(self.first), names.index(self.last)
        if start > end_index:
            raise ValueError(f"{self.last!r} comes before {self.first!r}; swap from and to")
        return [name for name in names[start : end_index + 1] if name.count(".") == depth]


def values(table: Table, field: str) -> list[Any]:
    """What a table lists for a field, in its order; SweepError for an empty list or range."""
    written = table.written[field]
    if field in _VECTORS:
        several = isinstance(written, list) and any(isinstance(each, list) for each in written)
        given = written if several else [written]
    else:
        given = written if isinstance(written, list) else [written]
    if not given:
        raise table.error(field, "the list is empty, so nothing would be generated; leave it out")
    found: list[Any] = []
    for each in given:
        is_range = isinstance(each, dict) and field != "term_weights"
        found += _range(table, field, each) if is_range else [each]
        if len(found) > MOST_VALUES:
            raise table.error(field, f"more than {MOST_VALUES:,} values")
    return found


def _range(table: Table, field: str, written: Mapping[str, Any]) -> list[Any]:
    for key in written:
        if key not in _RANGE_KEYS:
            raise table.error(field, unknown(key, "key of a range", key, _RANGE_KEYS).message)
    if "from" not in written or "to" not in written:
        raise table.error(field, f"a range is written {RANGE_EXAMPLE}")
    first, last = written["from"], written["to"]
    if field == "layer":
        if not (isinstance(first, str) and isinstance(last, str)) or len(written) > 2:
            raise table.error(
                field, "a range of layers is written { from = 'stage1', to = 'stage3' }"
            )
        return [LayerRange(first, last)]
    if field not in _NUMBERS:
        raise table.error(
            field, f"only {', '.join((*_NUMBERS, 'layer'))} take a range; write a list"
        )
    numbers = {key: each for key, each in written.items() if key != "spacing"}
    for key, each in numbers.items():
        if not isinstance(each, int | float) or isinstance(each, bool) or not math.isfinite(each):
            raise table.error(field, f"{key} = {shortened(each)} is no number")
    if "count" in written:
        return _by_count(table, field, written)
    if "spacing" in written:
        raise table.error(field, "spacing goes with count; give count, too")
    return _by_step(table, field, first, last, written.get("step", 1))


def _by_step(table: Table, field: str, first: float, last: float, step: float) -> list[Any]:
    if step == 0 or (last - first) / step < 0:
        raise table.error(field, f"a step of {step} does not lead from {first} to {last}")
    count = math.floor((last - first) / step + 1e-9) + 1
    _check_count(table, field, count)
    whole = all(isinstance(each, int) for each in (first, step))
    return [first + i * step if whole else _tidy(first + i * step) for i in range(count)]


def _by_count(table: Table, field: str, written: Mapping[str, Any]) -> list[Any]:
    first, last, count = written["from"], written["to"], written["count"]
    spacing = written.get("spacing", "linear")
    if "step" in written:
        raise table.error(field, "give step or count, not both")
    if not isinstance(count, int) or count < 1:
        raise table.error(field, f"count = {shortened(count)} is not a whole number of at least 1")
    if spacing not in ("linear", "log"):
        raise table.error(field, unknown("spacing", "spacing", spacing, ("linear", "log")).message)
    if spacing == "log" and not (first > 0 and last > 0):
        raise table.error(field, "a range with spacing = 'log' is of numbers above 0")
    _check_count(table, field, count)
    shares = [i / (count - 1) if count > 1 else 0.0 for i in range(count)]
    if spacing == "log":
        found = [_tidy(first * (last / first) ** share) for share in shares]
    else:
        found = [_tidy(first + (last - first) * share) for share in shares]
    whole = field in ("steps", "rng_seed", "size")
    return list(dict.fromkeys(round(each) if whole else each for each in found))


def _check_count(table: Table, field: str, count: int) -> None:
    if count > MOST_VALUES:
        raise table.error(field, f"the range has {count:,} values; at most {MOST_VALUES:,} work")


def _tidy(value: float) -> float:
    return float(f"{value:.12g}")
