"""The secret of an installation: it signs what the installation stores, and the packs it exports.

A file of 32 random bytes in hexadecimal, readable for its owner alone, next to the cache directory
and not in it: `data.signing-key` next to `data/`, or where IRI_SIGNING_KEY_FILE says. So whoever
may write the entries, by a shared volume, a restored backup, a program's fault, cannot sign them.
Whoever can read this file can: it does not help against the same user of the same machine.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import threading
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.files import expanded

from .errors import CacheError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

log = logging.getLogger(__name__)

KEY_ID_BYTES = 8
FINGERPRINT_BYTES = 10
_SECRET = re.compile(rb"[0-9a-f]{64}\s*")
_SHORT_WAIT = 1.0  # seconds, for another process that is just writing its first key
_known: dict[Path, Installation] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Installation:
    """Who signs: one for each secret. file: where the secret is stored.

    earlier: the secret among the user's settings, which signed while none could be next to the
    data; what it signed stays this installation's.
    """

    secret: bytes = field(repr=False)
    file: Path
    earlier: Installation | None = field(default=None, repr=False)

    @cached_property
    def _entry_key(self) -> bytes:
        return hmac.digest(self.secret, b"iri-explorer entries", "sha256")

    @cached_property
    def key_id(self) -> bytes:
        """KEY_ID_BYTES that tell this installation's entries from others'; no secret."""
        return hmac.digest(self._entry_key, b"key id", "sha256")[:KEY_ID_BYTES]

    @property
    def all_keys(self) -> tuple[Installation, ...]:
        """This one and the earlier one, whose entries count as well."""
        return (self,) if self.earlier is None else (self, self.earlier)

    def tag(self, message: bytes) -> bytes:
        """HMAC-SHA256 of a message, 32 bytes."""
        return hmac.digest(self._entry_key, message, "sha256")

    @cached_property
    def _pack_key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        seed = hmac.digest(self.secret, b"iri-explorer packs", "sha256")
        return Ed25519PrivateKey.from_private_bytes(seed)

    @cached_property
    def public_key(self) -> bytes:
        """The Ed25519 key, 32 bytes, by which anybody can check the packs that this one signs."""
        return self._pack_key.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """That of the public key, as of `fingerprint`."""
        return fingerprint(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of a message, 64 bytes."""
        return self._pack_key.sign(message)


def fingerprint(public_key: bytes) -> str:
    """80 bits of a public key's SHA-256 for people to compare: four groups of four characters."""
    return shown(digest(public_key))


def digest(public_key: bytes) -> bytes:
    """FINGERPRINT_BYTES of a public key's SHA-256."""
    return hashlib.sha256(public_key).digest()[:FINGERPRINT_BYTES]


def shown(found: bytes) -> str:
    """FINGERPRINT_BYTES as people see them, such as ABCD-EFGH-IJKL-MNOP."""
    letters = base64.b32encode(found).decode()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether a message bears the Ed25519 signature of a public key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_file(directory: Path) -> Path:
    """Where the secret for a cache directory is stored."""
    chosen = os.environ.get("IRI_SIGNING_KEY_FILE", "").strip()
    if chosen:
        return expanded("IRI_SIGNING_KEY_FILE", chosen)
    directory = directory.absolute()
    return directory.with_name(f"{directory.name}.signing-key")


def installation(directory: Path) -> Installation:
    """Who signs what is in a cache directory; the secret is made where there is none.

    Once read, the same for as long as the process lives. Where none can be next to the data, one
    among the user's settings signs until that is possible, and is known from then on, too.

    Raises
    ------
    CacheError
        If the file is no secret, others may write it, or it can be neither read nor created.
    """
    chosen = key_file(directory)
    with _lock:
        known = _known.get(chosen)
        if known is None or known.file != chosen:
            known = _known[chosen] = _found(chosen)
        return known


def _found(chosen: Path) -> Installation:
    """Who signs: by the chosen file, else by the one among the user's settings."""
    found = _read(chosen) or _created(chosen)
    at_home = None if _is_set() else _at_home()
    if found is not None:
        return found if at_home is None else replace(found, earlier=_read_if_sound(at_home))
    if at_home is not None:
        # What next to the data cannot be written must not be in them, which might be somebody
        # else's, with a key of theirs.
        found = _read(at_home) or _created(at_home)
    if found is None:
        raise CacheError(
            "no key can be made that signs what is stored; set IRI_SIGNING_KEY_FILE to a file in a "
            "directory that can be written.",
            f"no signing key can be made at {chosen}; set IRI_SIGNING_KEY_FILE to a file in a "
            "directory that can be written.",
        )
    return found


def _is_set() -> bool:
    return bool(os.environ.get("IRI_SIGNING_KEY_FILE", "").strip())


def _at_home() -> Path | None:
    """The place of last resort, among the user's own settings; None for a user without a home."""
    settings = os.environ.get("XDG_CONFIG_HOME", "").strip() or "~/.config"
    try:
        return expanded("XDG_CONFIG_HOME", settings) / "iri-explorer" / "signing-key"
    except ValueError:
        return None


def _read_if_sound(path: Path) -> Installation | None:
    try:
        return _read(path)
    except CacheError as error:
        log.warning("%s", error.for_operator)
        return None


def _read(path: Path) -> Installation | None:
    """The secret in a file; None where there is none."""
    until = time.monotonic() + _SHORT_WAIT
    try:
        while not _SECRET.fullmatch(content := path.read_bytes()):
            if len(content) >= 64 or time.monotonic() > until:
                raise CacheError(
                    "the signing key is not 64 hexadecimal digits; move its file away to make a "
                    "new one, by which earlier results count as unsigned.",
                    f"the signing key in {path} is not 64 hexadecimal digits; move the file away "
                    "to make a new one, by which earlier results count as unsigned.",
                )
            time.sleep(0.01)
        mode = stat.S_IMODE(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CacheError(
            "the signing key cannot be read; set IRI_SIGNING_KEY_FILE to one that can.",
            f"the signing key {path} cannot be read ({error.strerror}).",
        ) from error
    if os.name == "posix" and mode & 0o022:
        raise CacheError(
            "others on this machine may change the signing key; restrict its file to its owner.",
            f"others may change the signing key {path}; restrict it: chmod 600 {path}",
        )
    if os.name == "posix" and mode & 0o044:
        log.warning("others on this machine can read the signing key %s: chmod 600 it", path)
    return Installation(bytes.fromhex(content.strip().decode()), path)


def _created(path: Path) -> Installation | None:
    """A new secret in a file, or that of the process that was quicker; None where it cannot be."""
    try:
        if not _is_set():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError:
        return None
    try:
        os.write(descriptor, f"{secrets.token_hex(32)}\n".encode())
        os.fsync(descriptor)
    except OSError:  # a full disk
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    finally:
        os.close(descriptor)
    return _read(path)
