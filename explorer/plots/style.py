"""What the figures share: colours that hold on light and dark ground, size, margins."""

from __future__ import annotations

from html import escape
from math import log10

import plotly.graph_objects as go

IRI = "#e07a1f"
TARGET = "#3d7fd9"
SEED = "#8b939c"
QUIET = "rgba(139, 147, 156, 0.45)"


def figure(height: int = 300) -> go.Figure:
    """An empty figure without background, so that the page's theme shows through."""
    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hoverlabel": {"namelength": -1},
        }
    )


def as_text(text: str) -> str:
    """A name as it is: plotly reads ticks, titles and what hovering says as a kind of HTML."""
    return escape(text, quote=False)


def log_range(values: list[float]) -> list[float]:
    """Exponents from which to which a logarithmic axis shows all of these positive values."""
    positive = [value for value in values if value > 0] or [1.0]
    return [log10(min(positive)) - 0.15, log10(max(positive)) + 0.15]
