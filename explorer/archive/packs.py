"""Packs of results: zip files that a person can open, and that another installation imports.

Next to each entry a pack holds the result's pictures as PNG files and its `result.json`, and a page
that shows all of them in any browser, offline. The arrays and the key frames are in the entries
alone, which are zip files themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from explorer.archive.pack_page import Card, page
from explorer.archive.summary import Summary, put_result, thumbnail
from explorer.result import Result, ResultError
from explorer.result.consistency import checked_result
from explorer.store import Store, packs
from explorer.store.frame import UNSIGNED
from explorer.store.packs import Exported, ForPeople, ImportReport, PackFile, Progress
from explorer.store.settings import attached_to
from explorer.store.store import is_result_key
from explorer.store.unsigned import Signing, sign_all

SHOWN = ("iri.png", "target.png", "seed.png", "result.json")
"""The files of a result that a pack holds next to its entry."""

INLINE_AT_MOST = 500
"""So many thumbnails are in the page itself, which then needs no file next to it; of larger packs
the page shows the PNG files, and the pack has to be unpacked first."""


def export_results(
    store: Exported,
    path: str | Path,
    keys: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Write entries, all of the data directory unless keys are given, to a pack with a page.

    Returns how many. Raises CacheError as `explorer.store.packs.export_pack` does.
    """
    chosen = store.keys() if keys is None else tuple(dict.fromkeys(keys))
    cards = _Cards(inline=sum(map(is_result_key, chosen)) <= INLINE_AT_MOST)
    people = ForPeople(cards.of_entry, cards.page)
    return packs.export_pack(store, path, chosen, people, progress)


def import_results(
    store: Store,
    path: PackFile,
    results_only: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Put the results of a pack into the store, each only if it is what it says.

    Each is refused by itself, with the reason: one whose request gives another key, whose verdicts
    do not follow from its numbers, whose pictures are not those of its image and its request
    (`explorer.result.consistency`), or that the pack does not hold as its manifest says.
    path: of the pack, or the open file itself. results_only: refuse what is no result, such as null
    distributions, of which nobody can tell whether they are right. What is imported says where it
    came from (`Store.origin`). Raises CacheError as `explorer.store.packs.import_pack` does.
    """
    check = partial(_check, results_only)
    return packs.import_pack(store, path, check, partial(_put, store), progress)


def sign_results(store: Store, results_only: bool = True) -> Signing:
    """Sign what an earlier version stored, or was copied here: each entry after the same check.

    So are results that were found as files without an entry; what else was found is dropped.
    results_only: as of `import_results`. Raises CacheError where nothing can be stored.
    """
    check, put = partial(_check, results_only), partial(_put, store, origin=UNSIGNED)
    return sign_all(store, check, put, _key_of)


def _check(results_only: bool, key: str, data: bytes) -> None:
    """ValueError with the reason for an entry that is not to be imported."""
    if is_result_key(key):
        checked_result(key, data)
    elif attached_to(key) is not None or key.startswith("shared:"):
        raise ValueError("is not taken from packs, but made by each installation")
    elif results_only:
        raise ValueError("is not a result, and whether it is right cannot be checked")


def _key_of(data: bytes) -> str | None:
    """The key of a result; None for what is none."""
    try:
        return Result.from_bytes(data).request.key
    except (ResultError, ValueError):
        return None


def _put(store: Store, key: str, data: bytes, origin: bytes) -> None:
    if is_result_key(key):
        put_result(store, key, data, origin)
    else:
        store.put(key, data, origin)


class _Cards:
    """The results written so far, as the page of the pack shows them."""

    def __init__(self, inline: bool) -> None:
        self._inline = inline
        self._cards: list[Card] = []

    def of_entry(self, key: str, data: bytes) -> dict[str, bytes]:
        """The files of a result that are written next to it; none for what is no result."""
        if not is_result_key(key):
            return {}
        try:
            result = Result.from_bytes(data)
            small = thumbnail(result) if self._inline else None
            files = result.files()
        except (ResultError, ValueError):  # exported as it is; there is nothing to show
            return {}
        folder = f"{packs.FOLDER}{key[:16]}/"
        self._cards.append(Card(Summary.of(result, key, data), folder, small, result.request))
        return {folder + name: files[name] for name in SHOWN}

    def page(self) -> dict[str, bytes]:
        """The page of all results."""
        return {packs.PAGE: page(self._cards).encode()}
