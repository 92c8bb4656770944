"""What a store says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stats:
    """How full the cache is, and how often it had what was asked for."""

    directory: Path
    entries: int
    bytes: int
    limit: int  # bytes
    hits: int  # reads that the data directory answered, of all processes since its creation
    misses: int  # reads that the starter pack did not answer either
    starter_entries: int
    unsigned: int  # entries that count as absent until `iri cache sign` has checked them
    signed_by: str | None  # fingerprint of this installation; None where it has no key
    not_kept: str | None  # why nothing can be stored now


@dataclass(frozen=True)
class Verification:
    """The outcome of checking every entry. Damaged entries have been dropped."""

    checked: int  # entries: results, and what is stored besides, such as their summaries
    of_these_results: int
    damaged: tuple[tuple[str, str], ...]  # key and what was wrong
    orphans: int  # files that were none of entries, removed
    damaged_starter: tuple[str, ...]  # keys of the starter pack, which is not changed
    unsigned: int  # entries that were set aside, and are not checked
