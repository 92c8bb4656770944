"""Finished results that a command is given: by a key of the cache, or as a folder or zip file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import RequestError
from explorer.files import expanded

if TYPE_CHECKING:
    from explorer.result import Result
    from explorer.store import Store

SHORTEST_KEY = 8
"""Digits of a key that are enough, where only one result's key begins with them."""

_KEY = re.compile(r"[0-9a-f]{1,64}")


def read_result(field: str, path: Path) -> Result:
    """The result in a folder that `generate --out` wrote, or in a zip; else RequestError.

    field: the error's.
    """
    from explorer.result import Result, ResultError
    from explorer.result.pictures import check_pictures

    try:
        if path.is_dir():
            files = {
                each.relative_to(path).as_posix(): each.read_bytes()
                for each in path.rglob("*")
                if each.is_file()
            }
            result = Result.from_files(files)
        else:
            result = Result.from_bytes(path.read_bytes())
        check_pictures(result)
        return result
    except ResultError as error:
        raise RequestError(field, f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise RequestError(field, f"there is no folder or file {str(path)!r}") from error


def result_to_continue(word: str, store: Store) -> Result:
    """The result that --continue names; RequestError (field `continues`) as `stored_result`."""
    return stored_result("continues", word, store)


def stored_result(field: str, word: str, store: Store) -> Result:
    """The result that a word names: a folder or a zip, a key of the store or its first digits.

    Raises RequestError, with this field, where there is none, or more than one.
    """
    from explorer.result import Result, ResultError

    path = expanded(field, word)
    if not _KEY.fullmatch(word) or path.exists():  # a folder may be called `a1`, too
        return read_result(field, path)
    key = stored_key(field, word, store)
    data = store.get(key)
    if data is None:
        raise _missing(field, word)
    try:
        return Result.from_bytes(data)
    except ResultError as error:
        raise RequestError(field, f"result {key[:10]}… cannot be read: {error}") from error


def stored_key(field: str, word: str, store: Store) -> str:
    """The one key of a result in the store that begins with these digits; else RequestError."""
    if not _KEY.fullmatch(word):
        raise RequestError(field, f"{word[:80]!r} is not the key of a result, or its first digits")
    if len(word) < SHORTEST_KEY:
        raise RequestError(
            field, f"{word!r} is too short; give at least {SHORTEST_KEY} digits of the key"
        )
    keys = store.results(word)
    if len(keys) > 1:
        shown = ", ".join(f"{key[: len(word) + 6]}…" for key in keys[:3])
        raise RequestError(
            field, f"{len(keys)} results' keys begin with {word}: {shown}; give more digits"
        )
    if not keys:
        raise _missing(field, word)
    return keys[0]


def _missing(field: str, word: str) -> RequestError:
    from explorer.analysis.continuation import missing

    return RequestError(field, missing(word).message)
