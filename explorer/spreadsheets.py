"""Text in CSV files that a spreadsheet opens without running it."""

from __future__ import annotations

from collections.abc import Mapping

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def shown_as_text(value: object) -> object:
    """The value, with an apostrophe before text that a spreadsheet would take for a formula.

    Numbers stay as they are, also those that are text. What begins so in a result is somebody's:
    the name of a file, a network or a layer. Source: OWASP, CSV Injection.

    >>> shown_as_text("=1+1.png"), shown_as_text("cat.png"), shown_as_text("-0.5"), shown_as_text(3)
    ("'=1+1.png", 'cat.png', '-0.5', 3)
    """
    if not isinstance(value, str) or not value.startswith(_BEGINS_FORMULA) or _is_number(value):
        return value
    return f"'{value}"


def row_as_text(row: Mapping[str, object]) -> dict[str, object]:
    """A row with `shown_as_text` of each of its values."""
    return {name: shown_as_text(value) for name, value in row.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
