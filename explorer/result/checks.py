"""What is refused in the files of a result, in words that name the part that is damaged."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from math import isfinite, prod
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")

MOST_FILES = 10_000
"""In one result; a key frame is a file."""

_SMALL = 64 * 2**20  # bytes; the largest image of one colour takes some 50 MB, and packs to nothing
_RATIO = 20  # of all files to the zip, of those that unpack to more

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ResultError(ValueError):
    """What is no Result, with the reason."""


def part(name: str, read: Callable[[Any], _T], plain: object) -> _T:
    """What `read` makes of a part of result.json; ResultError names the part where it cannot."""
    try:
        return read(plain)
    except ResultError:
        raise
    except Exception as error:  # of a damaged part, any kind
        raise ResultError(
            f"its result.json is damaged or incomplete: {name!r} cannot be read"
        ) from error


def unpacked(data: bytes, limit: int) -> dict[str, bytes]:
    """The files in the bytes of a zip by name; ResultError where it is damaged or no such zip.

    limit: bytes that they may have together, and of a small zip fewer. More are never unpacked,
    whatever its headers say.
    """
    left = min(limit, max(_SMALL, _RATIO * len(data)))
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # What packs a folder, such as `zip -r`, also lists the folders in it.
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > MOST_FILES or sum(each.file_size for each in members) > left:
                raise ResultError("its files unpack to more than any result's")
            for member in members:
                if member.compress_type not in _METHODS:  # the others unpack without a bound
                    raise ResultError(f"its {member.filename} is packed in a way that is not read")
                with archive.open(member) as file:
                    files[member.filename] = file.read(member.file_size + 1)
                left -= len(files[member.filename])
                if left < 0:
                    raise ResultError("its files unpack to more than any result's")
    except ResultError:
        raise
    except Exception as error:  # zipfile and zlib raise a dozen kinds
        raise ResultError("it is not a zip file that can be read, or it is damaged") from error
    return files


def plain_json(data: bytes) -> dict[str, Any]:
    """The object in result.json; ResultError where there is none, or a number is not finite."""
    try:
        content = json.loads(data)
    except Exception as error:  # not text, not JSON, or nested too deeply
        raise ResultError("its result.json is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise ResultError("its result.json is damaged: it holds no object")
    check_finite(content)
    if b"\\ud" in data.lower():  # halves of characters, which no page and no database can hold
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ResultError("its result.json is damaged: it holds a text that is none") from error
    return content


def check_finite(content: Mapping[str, Any]) -> None:
    """ResultError where a number is NaN or infinite, which JSON has not; it says where."""
    place = next(_not_finite(content, ""), None)
    if place is not None:
        raise ResultError(f"{place} in its result.json is not finite, and JSON has no such number")


def _not_finite(plain: object, place: str) -> Iterator[str]:
    if isinstance(plain, float):
        if not isfinite(plain):
            yield place
    elif isinstance(plain, Mapping):
        for name, each in plain.items():
            yield from _not_finite(each, f"{place}.{name}" if place else str(name))
    elif isinstance(plain, list | tuple):
        for number, each in enumerate(plain):
            yield from _not_finite(each, f"{place}[{number}]")


def image_in(data: bytes) -> np.ndarray:
    """The array in iri.npy; ResultError where there is none, or its values are not in [0, 1]."""
    try:
        _check_size(data)
        image: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
        within = image.dtype.kind == "f" and bool(np.all((image >= 0) & (image <= 1)))
    except Exception as error:  # numpy raises many kinds
        raise ResultError("its iri.npy is damaged: it holds no array") from error
    if image.dtype.kind == "f" and not within:  # other types are refused by the Result
        raise ResultError("its iri.npy is damaged: its values are not all within [0, 1]")
    return image


def _check_size(data: bytes) -> None:
    """ValueError where an array's header states another size than what follows has."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError("the array is not as large as its header says")


def amount(name: str, value: object) -> float:
    """A finite number of at least 0; ResultError names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ResultError(f"{name} in its result.json is no finite number")
    if value < 0:
        raise ResultError(f"{name} in its result.json is {value:g}; it must be at least 0")
    return value


def count(name: str, value: object) -> int:
    """A whole number of at least 0; ResultError names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ResultError(f"{name} in its result.json is no whole number")
    return int(amount(name, value))
