"""Numbers as people read them."""

from __future__ import annotations


def decimals(value: float, digits: int = 3) -> str:
    """The number to this many decimals, or to one significant digit where those would say zero.

    >>> decimals(0.01234), decimals(0.0003), decimals(0.0)
    ('0.012', '0.0003', '0.000')
    """
    text = f"{value:.{digits}f}"
    return f"{value:.1g}" if value and not float(text) else text
