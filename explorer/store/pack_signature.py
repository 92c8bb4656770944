"""Who exported a pack: an Ed25519 signature of what its manifest lists.

Entries are signed with a secret that nobody else has, so that nobody else can check that. A pack's
signature anybody can check, by the public key that stands next to it. It says that nothing was
changed since the installation of this key exported the pack, and which of two packs come from the
same one. Who that is, and whether their results are right, it does not say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import signing
from .errors import CacheError

_PREFIX = b"iri-explorer pack %d\n"
_FIELD = "signature"

Rows = Sequence[Mapping[str, object]]
"""What a manifest lists: a mapping for each member."""


def sign(directory: Path, rows: Rows, files: Rows) -> dict[str, object]:
    """The signature of a manifest's rows, as a field of the manifest; none where there is no key.

    directory: of the store that exports. files: the rows of what is for people.
    """
    try:
        signer = signing.installation(directory)
    except CacheError:  # of a cache that can only be read
        return {}
    signature = signer.sign(_message(rows, files))
    return {_FIELD: {"public_key": signer.public_key.hex(), "ed25519": signature.hex()}}


def signed_by(manifest: Mapping[str, Any], rows: Rows, files: Rows | None) -> bytes | None:
    """The public key that signed a manifest's rows; None where nobody did.

    files: the rows of what is for people; None of a pack of the first version, which did not list
    them. Raises CacheError where there is a signature, and it is not one of these rows.
    """
    found = manifest.get(_FIELD)
    if found is None:
        return None
    try:
        key, signature = bytes.fromhex(found["public_key"]), bytes.fromhex(found["ed25519"])
    except (TypeError, ValueError, KeyError):
        key = signature = b""
    if not signing.is_signed(_message(rows, files), signature, key):
        raise CacheError(
            "the pack was changed after it was signed: its signature does not fit what it lists."
        )
    return key


def _message(rows: Rows, files: Rows | None) -> bytes:
    version, listed = (1, rows) if files is None else (2, [rows, files])
    return _PREFIX % version + json.dumps(listed, sort_keys=True, separators=(",", ":")).encode()
