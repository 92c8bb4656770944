"""Which limits are in force: IRI_HOSTED, or the TOML file that IRI_HOSTING names."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer.errors import RequestError, shortened, unknown
from explorer.files import expanded
from explorer.hosting.settings import DEMO, HOME, Hosting

SWITCH = "IRI_HOSTED"
FILE = "IRI_HOSTING"
NO_LIMIT = "none"
_HOST = re.compile(r"(?:\*\.)?[\w-]+(?:\.[\w-]+)*|\[[0-9a-fA-F:.]+\]", re.ASCII)
_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")


@lru_cache(maxsize=1)
def hosting() -> Hosting:
    """The limits of this process, read once.

    Raises RequestError, with the variable as its field, where they cannot be used.
    """
    is_hosted = _switch(os.environ.get(SWITCH, ""))
    file = os.environ.get(FILE, "").strip()
    if file:
        return _of_file(expanded(FILE, file), is_hosted)
    return DEMO if is_hosted else HOME


def check_hosting() -> None:
    """Raise RequestError, with the variable as its field, for settings that cannot be used."""
    hosting.cache_clear()
    hosting()


def lift_limits() -> None:
    """Have no limits in this process and those that it starts: it is the operator's own."""
    for name in (SWITCH, FILE):
        os.environ.pop(name, None)
    hosting.cache_clear()


def _switch(text: str) -> bool:
    text = text.strip().lower()
    if text not in _ON + _OFF:
        raise RequestError(SWITCH, f"{shortened(text)} is neither 1 nor 0")
    return text in _ON


def _of_file(path: Path, is_hosted: bool) -> Hosting:
    """What a TOML file says; what it leaves out is as on a public demo, or as at home."""
    try:
        given = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise RequestError(FILE, f"the file {path.name} cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise RequestError(FILE, f"{path.name} is not TOML: {error}") from error
    hosted = given.pop("hosted", True)
    if not isinstance(hosted, bool):
        raise _wrong(path, "hosted", hosted, "true or false")
    if is_hosted and not hosted:
        raise RequestError(FILE, f"{path.name} says hosted = false, and {SWITCH} says 1")
    base = DEMO if hosted else HOME
    names = [each.name for each in fields(Hosting)]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            raise unknown(FILE, f"key of {path.name}", name, names)
        values[name] = _value(path, name, value, base)
    limits = replace(base, **values)
    _check_together(path, limits, values)
    return limits


def _check_together(path: Path, limits: Hosting, given: Mapping[str, object]) -> None:
    """Raise RequestError for values of which one makes another meaningless."""
    one, everybody = limits.upload_bytes, limits.all_upload_bytes
    if one is not None and everybody is not None and one > everybody:
        right = f"at most all_upload_bytes, which is {everybody:,}; set both"
        raise _wrong(path, "upload_bytes", one, right)
    if "metrics_address" in given and limits.metrics_port is None:
        raise RequestError(
            FILE, f"{path.name}: metrics_address is of no use without a metrics_port, such as 9108"
        )


def _value(path: Path, name: str, value: object, base: Hosting) -> object:
    if name in base.limits:
        return _limit(path, name, value, base)
    if name == "metrics_address":
        if not isinstance(value, str) or not value.strip():
            raise _wrong(path, name, value, 'an address of this machine, such as "127.0.0.1"')
        return value.strip()
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        example = '"timm:resnet*"' if name == "networks" else '"iri.example.org"'
        raise _wrong(path, name, value, f"a list of texts, such as [{example}]")
    if name == "allowed_hosts":
        for host in value:
            if not _HOST.fullmatch(host):
                raise _wrong(path, name, host, 'a host without a port, or "*.example.org"')
    return tuple(value)


def _limit(path: Path, name: str, value: object, base: Hosting) -> int | None:
    least, most = base.limits[name]
    may_be_none = getattr(HOME, name) is None
    if value == NO_LIMIT and may_be_none:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    none = f', or "{NO_LIMIT}"' if may_be_none else ""
    raise _wrong(path, name, value, f"a whole number from {least:,} to {most:,}{none}")


def _wrong(path: Path, name: str, value: object, right: str) -> RequestError:
    return RequestError(FILE, f"{path.name}: {name} = {shortened(value)} is not {right}")
