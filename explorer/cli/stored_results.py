"""Finished results that a command is given: by a key of the cache, or as a folder or zip file."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import RequestError

if TYPE_CHECKING:
    from explorer.result import Result
    from explorer.store import Store

SHORTEST_KEY = 8
"""Digits of a key that are enough, where only one result's key begins with them."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_KEY = re.compile(r"[0-9a-f]{1,64}")


def read_result(field: str, path: Path) -> Result:
    """The result in a folder that `generate --out` wrote, or in a zip; else RequestError.

    field: the error's.
    """
    from explorer.result import Result, ResultError

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
        _check_pictures(result)
        return result
    except ResultError as error:
        raise RequestError(field, f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise RequestError(field, f"there is no folder or file {str(path)!r}") from error


def result_to_continue(word: str, store: Store) -> Result:
    """The result that --continue names: a folder or a zip, a key of the store or its first digits.

    Raises RequestError (field `continues`) where there is none, or more than one.
    """
    from explorer.analysis.continuation import missing
    from explorer.result import Result, ResultError

    path = Path(word).expanduser()
    if not _KEY.fullmatch(word) or path.exists():  # a folder may be called `a1`, too
        return read_result("continues", path)
    if len(word) < SHORTEST_KEY:
        raise RequestError(
            "continues", f"{word!r} is too short; give at least {SHORTEST_KEY} digits of the key"
        )
    keys = store.results(word)
    if len(keys) > 1:
        shown = ", ".join(f"{key[: len(word) + 6]}…" for key in keys[:3])
        raise RequestError(
            "continues", f"{len(keys)} results' keys begin with {word}: {shown}; give more digits"
        )
    data = store.get(keys[0]) if keys else None
    if data is None:
        raise missing(word)
    try:
        return Result.from_bytes(data)
    except ResultError as error:
        raise RequestError(
            "continues", f"result {keys[0][:10]}… cannot be read: {error}"
        ) from error


def _check_pictures(result: Result) -> None:
    """ResultError for the first picture that is no PNG file of the IRI's size.

    The size is read from the header first, so that nothing enormous is unpacked.
    """
    from explorer.images.encoding import from_png
    from explorer.images.errors import PictureError
    from explorer.result import ResultError

    _, height, width = result.iri.shape
    for name, png in result.pictures().items():
        try:
            if png[:8] != PNG_SIGNATURE or png[12:16] != b"IHDR" or len(png) < 24:
                raise PictureError("there is no header")
            size = struct.unpack(">II", png[16:24])
            if size == (width, height):
                from_png(png)
        except PictureError as error:
            raise ResultError(f"its {name} is damaged: it is no PNG file") from error
        if size != (width, height):
            raise ResultError(
                f"its {name} is {size[0]}×{size[1]} px, but the IRI is {width}×{height} px"
            )
