"""A folder of a person's own photographs: which files it holds, what names their contents."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from .errors import PictureError
from .reading import read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
FEWEST = 3
MOST = 200


def picture_files(folder: Path) -> list[Path]:
    """The folder's picture files by name, at most MOST; folders in it are not entered.

    Raises
    ------
    PictureError
        If there is no such folder, or it holds too few or too many; the message says how many.
    """
    if not folder.is_dir():
        raise PictureError(f"there is no folder {str(folder)!r}.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not FEWEST <= len(files) <= MOST:
        raise PictureError(
            f"{str(folder)!r} holds {len(files)} pictures ({', '.join(SUFFIXES)}); "
            f"{FEWEST} to {MOST} can be used."
        )
    return files


def digest_of(folder: Path) -> str:
    """SHA-256, in hexadecimal, of what the picture files hold; their names do not matter.

    Quick the second time unless a file's size or date has changed. Raises PictureError as
    `picture_files` does, and OSError for a file that cannot be read.
    """
    contents = {_sha256(path, *_stamp(path)) for path in picture_files(folder)}
    return hashlib.sha256("\n".join(sorted(contents)).encode("ascii")).hexdigest()


def read_pictures(folder: Path) -> list[np.ndarray]:
    """The different pictures of a folder, uint8 H×W×3, by name; a second copy is left out.

    Raises
    ------
    PictureError
        As `picture_files` and `read_picture` do, the file named; or if fewer than FEWEST differ.
    """
    found: dict[bytes, np.ndarray] = {}
    for path in picture_files(folder):
        try:
            picture = read_picture(path.read_bytes())
        except (PictureError, OSError) as error:
            raise PictureError(f"{path.name}: {error}") from error
        hashed = hashlib.sha256(repr(picture.shape).encode())
        hashed.update(picture.data)
        found.setdefault(hashed.digest(), picture)
    if len(found) < FEWEST:
        raise PictureError(
            f"only {len(found)} of the pictures in {str(folder)!r} differ; {FEWEST} are needed."
        )
    return list(found.values())


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4 * MOST)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
