"""IRI_NETWORKS_MEMORY: how much memory the loaded networks may take; read without torch."""

from __future__ import annotations

import os
import re

from explorer.errors import RequestError

VARIABLE = "IRI_NETWORKS_MEMORY"

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)B?\s*", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def networks_memory() -> int | None:
    """The bytes that IRI_NETWORKS_MEMORY sets; None where it is not set.

    Raises RequestError, with the variable as its field, where it is not a size.
    """
    setting = os.environ.get(VARIABLE)
    if not setting:
        return None
    match = _SIZE.fullmatch(setting)
    if match is None:
        raise RequestError(VARIABLE, f"{setting!r} is not a size; write it like 4GB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
