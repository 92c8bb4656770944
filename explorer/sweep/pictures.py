"""The pictures that a sweep names as targets and seeds: gallery names, files, folders, sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from explorer import validation
from explorer.analysis.targets import target_set
from explorer.errors import RequestError
from explorer.files import expanded
from explorer.images.identity import UPLOAD_PREFIX
from explorer.sweep.source import Source, Table

GALLERY = "gallery"
DRAWN = "drawn:"


class PictureNames:
    """From what a sweep wrote to names in requests; each file is read once.

    pngs: PNG bytes by name of all pictures that are not the gallery's. files: the file's name by
    the picture's. notes: sentences on what of a folder was left out.
    """

    def __init__(self, source: Source, uploads: Mapping[str, bytes]) -> None:
        self._source = source
        self._uploads = uploads
        self._known: dict[tuple[str, str, int], list[str]] = {}
        self.pngs: dict[str, bytes] = {}
        self.files: dict[str, str] = {}
        self.notes: list[str] = []

    def of(self, table: Table, field: str, text: object, drawn_px: int) -> list[str]:
        """The names that a value of `target` or `seed` stands for; SweepError where it is none.

        drawn_px: the side of drawn targets.
        """
        if not isinstance(text, str):
            raise table.error(field, f"{text!r} is not a name; write it in quotation marks", text)
        known = self._known.get((field, text, drawn_px))
        if known is None:
            try:
                known = self._read(field, text, drawn_px)
            except RequestError as error:
                raise table.error(field, error.message, text) from error
            self._known[field, text, drawn_px] = known
        return known

    def _read(self, field: str, text: str, drawn_px: int) -> list[str]:
        if text.startswith(UPLOAD_PREFIX):
            return [self._upload(field, text)]
        if field == "target" and text == GALLERY:
            return self._set(GALLERY, drawn_px)
        if self._source.folder is None:
            return [text]  # validation knows the names; a visitor's words never reach a file
        path = self._source.folder / expanded(field, text)
        if field == "target" and (text.startswith(DRAWN) or _is_folder(path)):
            return self._set(text if text.startswith(DRAWN) else path, drawn_px)
        name = text
        if not _is_plain_name(field, text):
            name = validation.picture_name(field, str(path) if path.exists() else text, self.pngs)
        if name.startswith(UPLOAD_PREFIX):
            self.files.setdefault(name, path.name)
        return [name]

    def _upload(self, field: str, name: str) -> str:
        if name not in self._uploads:
            raise RequestError(field, "this uploaded picture is not here; upload it again")
        self.pngs[name] = self._uploads[name]
        return name

    def _set(self, words: str | Path, drawn_px: int) -> list[str]:
        found = target_set(words, drawn_px)
        self.pngs.update(found.pictures)
        for name in found.pictures:
            self.files.setdefault(name, found.labels[name])
        self.notes += found.notes
        return list(found.labels)


def _is_plain_name(field: str, text: str) -> bool:
    """Whether it is a name of the gallery, of a seed kind or of a noise target, and no file."""
    try:
        return validation.picture_name(field, text, {}) == text
    except RequestError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long for a file's name, or with a null character
        return False
