"""Random codes, secrets and identifiers, and the hashes that are stored in place of secrets."""

from __future__ import annotations

import hashlib
import hmac
import secrets

ALPHABET = "CDFGHJKMNPQRTWXY34679"
"""Capitals and digits that nobody mistakes for one another, without vowels: no words result."""

CODE_LENGTH = 6
_LONGEST_CODE = 12  # of older and future versions
RNG_SEED_BITS = 53  # exact in the numbers of JavaScript, too


def new_code() -> str:
    """A session's code, one of 21⁶ (86 million)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def as_code(text: str) -> str:
    """What a person typed, as a code is stored: capitals, without spaces and hyphens."""
    return "".join(text.split()).replace("-", "").upper()


def is_code(text: str) -> bool:
    """Whether this could be a session's code: letters and digits as `as_code` leaves them."""
    return text.isascii() and text.isalnum() and len(text) <= _LONGEST_CODE


def new_secret() -> str:
    """A lecturer's secret or a participant's token, of 192 random bits."""
    return secrets.token_urlsafe(24)


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256, enough for one that is random."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, stored: str) -> bool:
    """Whether this is the secret of the stored hash, in constant time."""
    return hmac.compare_digest(digest(secret), stored)


def new_participant() -> str:
    """A participant's public identifier, under which their answers are exported."""
    return secrets.token_hex(6)


def new_rng_seed() -> int:
    """The number by which a participant's trials are drawn."""
    return secrets.randbits(RNG_SEED_BITS)


def round_rng_seed(rng_seed: int, round: int) -> int:
    """The random seed of a participant's trials in a round: of the first it is their own number."""
    if round == 1:
        return rng_seed
    hashed = hashlib.sha256(f"{rng_seed}:{round}".encode()).digest()
    return int.from_bytes(hashed[:8]) >> (64 - RNG_SEED_BITS)
