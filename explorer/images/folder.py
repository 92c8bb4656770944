"""A folder of the user's own photographs: its picture files, and a digest of their contents."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from .errors import PictureError
from .reading import read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MIN_PICTURES = 3
MAX_PICTURES = 200


def picture_files(folder: Path) -> list[Path]:
    """The folder's picture files, sorted by name; subfolders are not searched.

    Raises
    ------
    PictureError
        If there is no such folder, or it has fewer than MIN_PICTURES or more than MAX_PICTURES.
    """
    if not folder.is_dir():
        raise PictureError(f"there is no folder {str(folder)!r}.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not MIN_PICTURES <= len(files) <= MAX_PICTURES:
        raise PictureError(
            f"{str(folder)!r} holds {len(files)} pictures ({', '.join(SUFFIXES)}); "
            f"{MIN_PICTURES} to {MAX_PICTURES} can be used."
        )
    return files


def digest_of(folder: Path) -> str:
    """SHA-256, in hexadecimal, of the contents of the picture files, whatever their names.

    Digests of files are cached until a file's size or date changes. Raises PictureError as
    `picture_files` does, and OSError for a file that cannot be read.
    """
    contents = {_sha256(path, *_stamp(path)) for path in picture_files(folder)}
    return hashlib.sha256("\n".join(sorted(contents)).encode("ascii")).hexdigest()


def read_pictures(folder: Path) -> list[np.ndarray]:
    """The different pictures of a folder, uint8 H×W×3, sorted by file name, without duplicates.

    Raises
    ------
    PictureError
        As `picture_files` and `read_picture` do, with the file's name; or if fewer than
        MIN_PICTURES differ.
    """
    pictures: dict[bytes, np.ndarray] = {}
    for path in picture_files(folder):
        try:
            picture = read_picture(path.read_bytes())
        except (PictureError, OSError) as error:
            raise PictureError(f"{path.name}: {error}") from error
        hashed = hashlib.sha256(repr(picture.shape).encode())
        hashed.update(picture.data)
        pictures.setdefault(hashed.digest(), picture)
    if len(pictures) < MIN_PICTURES:
        raise PictureError(
            f"only {len(pictures)} of the pictures in {str(folder)!r} differ; "
            f"{MIN_PICTURES} are needed."
        )
    return list(pictures.values())


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4 * MAX_PICTURES)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
