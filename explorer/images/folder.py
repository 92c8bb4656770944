"""A folder of the user's own photographs: its picture files, and a digest of their contents."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from .errors import PictureError
from .formats import LISTED, SUFFIXES
from .reading import pixel_digest, read_picture

MIN_PICTURES = 3
MAX_PICTURES = 200
_NAMED = 3  # of the files that are left out


def picture_files(folder: Path) -> list[Path]:
    """The folder's picture files, sorted by name; subfolders are not searched.

    A picture file is one with a suffix of `explorer.images.formats`; `left_out` says which others
    there are.

    Raises
    ------
    PictureError
        If there is no such folder, or it has fewer than MIN_PICTURES or more than MAX_PICTURES.
    """
    if not folder.is_dir():
        raise PictureError(f"there is no folder {str(folder)!r}.")
    files = sorted(path for path in folder.iterdir() if _is_picture(path))
    if not MIN_PICTURES <= len(files) <= MAX_PICTURES:
        others = left_out(folder)
        raise PictureError(
            f"{str(folder)!r} holds {_counted(len(files), 'picture')} ({LISTED}); "
            f"{MIN_PICTURES} to {MAX_PICTURES} can be used." + (f" {others}" if others else "")
        )
    return files


def left_out(folder: Path) -> str:
    """A sentence that counts what in the folder is no picture file and names some; "" if nothing.

    Subfolders count; hidden files, such as those that file managers write, do not.
    """
    others = sorted(
        path for path in folder.iterdir() if not _is_picture(path) and path.name[0] != "."
    )
    files = [path.name for path in others if not path.is_dir()]
    subfolders = [path.name for path in others if path.is_dir()]
    parts = []
    if files:
        parts.append(f"{_counted(len(files), 'file')} of other kinds ({_some(files)})")
    if subfolders:
        parts.append(f"{_counted(len(subfolders), 'subfolder')} ({_some(subfolders)})")
    return f"Left out of {folder.name!r}: {' and '.join(parts)}." if parts else ""


def digest_of(folder: Path) -> str:
    """SHA-256, in hexadecimal, of the contents of the picture files, whatever their names.

    Digests of files are cached until a file's size or date changes. Raises PictureError as
    `picture_files` does, and for a file that cannot be read, with its name.
    """
    contents = set()
    for path in picture_files(folder):
        try:
            contents.add(_sha256(path, *_stamp(path)))
        except OSError as error:
            raise PictureError(unreadable(path.name, error)) from error
    return hashlib.sha256("\n".join(sorted(contents)).encode("ascii")).hexdigest()


def read_pictures(folder: Path) -> list[np.ndarray]:
    """The different pictures of a folder, uint8 H×W×3, sorted by file name, without duplicates.

    Raises
    ------
    PictureError
        As `picture_files` and `read_picture` do, with the file's name; or if fewer than
        MIN_PICTURES differ.
    """
    pictures: dict[str, np.ndarray] = {}
    for path in picture_files(folder):
        try:
            picture = read_picture(path.read_bytes())
        except (PictureError, OSError) as error:
            raise PictureError(unreadable(path.name, error)) from error
        pictures.setdefault(pixel_digest(picture), picture)
    if len(pictures) < MIN_PICTURES:
        raise PictureError(
            f"only {len(pictures)} of the pictures in {str(folder)!r} differ; "
            f"{MIN_PICTURES} are needed."
        )
    return list(pictures.values())


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def unreadable(name: str, error: Exception) -> str:
    """What to say where one file stops a whole folder, so that nothing is left out unnoticed."""
    if isinstance(error, FileNotFoundError):
        reason = "there is no such file, or it is a link that leads nowhere"
    else:
        reason = (isinstance(error, OSError) and error.strerror) or str(error).rstrip(".")
    return (
        f"{name!r} cannot be read as a picture: {reason}. The rest of the folder "
        "is not used without it: take this file out of the folder, or convert it to PNG"
    )


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4 * MAX_PICTURES)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
