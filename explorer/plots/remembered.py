"""Figures that are drawn once for everybody: plotly takes several milliseconds over each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import plotly.graph_objects as go

AT_MOST = 200
"""Figures of one function that are kept; of a result's they take about 20 kB each."""

_P = ParamSpec("_P")


def remembered(draw: Callable[_P, go.Figure]) -> Callable[_P, go.Figure]:
    """The function, which gives the same figure again for the same numbers.

    Whoever draws it does not change it. The arguments are told apart by their `repr`: numbers,
    texts, and tuples, lists, mappings and dataclasses of these, but no arrays, which shorten it.
    """
    lock = threading.Lock()
    kept: OrderedDict[str, go.Figure] = OrderedDict()

    @wraps(draw)
    def remember(*args: _P.args, **kwargs: _P.kwargs) -> go.Figure:
        called = repr((args, kwargs))
        with lock:
            if called in kept:
                kept.move_to_end(called)
                return kept[called]
        figure = draw(*args, **kwargs)
        with lock:
            kept[called] = figure
            while len(kept) > AT_MOST:
                kept.popitem(last=False)
        return figure

    return remember
