"""Whose packs are known here: names for fingerprints, given by whoever runs this installation.

`data.known-signers` next to the signing key: a line for each, its fingerprint and its name.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from explorer.files import write_atomically

from . import signing
from .errors import CacheError

_LINE = re.compile(r"((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})[ \t]+(\S.*)")
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Signer:
    """Who signed a pack. name: by which it is known here; None where it is not.

    own: whether it is this installation itself.
    """

    fingerprint: str
    name: str | None = None
    own: bool = False

    @property
    def title(self) -> str:
        """Who it is, in words that follow the fingerprint."""
        if self.own:
            return "this installation"
        return "not known here" if self.name is None else f"known here as “{self.name}”"


def signer(directory: Path, fingerprint: str) -> Signer:
    """Who a fingerprint belongs to, as far as the installation of a cache directory knows."""
    with contextlib.suppress(CacheError):
        keys = signing.installation(directory).all_keys
        if fingerprint in {each.fingerprint for each in keys}:
            return Signer(fingerprint, own=True)
    return Signer(fingerprint, known(directory).get(fingerprint))


def known(directory: Path) -> dict[str, str]:
    """The names that were given, by fingerprint; none where the file cannot be read."""
    try:
        lines = _file(directory).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return {}
    return {found[1]: found[2].strip() for found in map(_LINE.fullmatch, lines) if found}


def remember(directory: Path, fingerprint: str, name: str) -> None:
    """Give a fingerprint a name. Raises CacheError where it is none, or cannot be written."""
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise CacheError(f"a signer's name has 1 to {_LONGEST_NAME} printable characters.")
    names = known(directory) | {fingerprint: name}
    text = "".join(f"{each} {name}\n" for each, name in names.items())
    path = _file(directory)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise CacheError(
            "the name of the signer cannot be written down.",
            f"the name of the signer cannot be written to {path} ({error.strerror}).",
        ) from error


def _file(directory: Path) -> Path:
    key = signing.key_file(directory)
    return key.with_name(f"{key.name.removesuffix('.signing-key')}.known-signers")
