"""Sets of targets for figures over many IRIs: the gallery, drawn pictures, a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from explorer.errors import RequestError
from explorer.images import gallery
from explorer.images.encoding import to_png
from explorer.images.errors import PictureError
from explorer.images.folder import picture_files
from explorer.validation import read_upload
from explorer.zoo.pictures import picture

FIRST_DRAWN = 1000  # of the picture set's held-out split; cards and the null use earlier ones
MOST_DRAWN = 1000
HELP = "gallery, drawn:N for N pictures of the embedded networks' kind, or a folder of your own"


@dataclass(frozen=True)
class TargetSet:
    """A set of targets.

    text: what they are, in words. labels: by the name that a Request has for each. pictures: PNG
    bytes of those that are not the gallery's.
    """

    text: str
    labels: Mapping[str, str]
    pictures: Mapping[str, bytes]


def target_set(words: str, size: int) -> TargetSet:
    """The targets that `gallery`, `drawn:N` or a folder's path stand for; size: of drawn ones, px.

    Raises RequestError (field `targets`) for anything else, and for a folder that cannot be used.
    """
    if words == "gallery":
        names = gallery.names()
        return TargetSet(f"the gallery's {len(names)} photographs", {n: n for n in names}, {})
    if words.startswith("drawn:"):
        count = words.removeprefix("drawn:")
        if not count.isdecimal() or not 1 <= int(count) <= MOST_DRAWN:
            raise RequestError("targets", f"{words!r}: it takes drawn:1 to drawn:{MOST_DRAWN}")
        numbers = range(FIRST_DRAWN, FIRST_DRAWN + int(count))
        files = {f"drawn {n}": to_png(picture(n, "test", size)[0]) for n in numbers}
        return _uploads("held-out drawn pictures", files)
    if not Path(words).is_dir():
        raise RequestError("targets", f"{words!r} is none; it takes {HELP}")
    try:
        files = {path.name: path.read_bytes() for path in picture_files(Path(words))}
    except (PictureError, OSError) as error:
        raise RequestError("targets", str(error)) from error
    return _uploads(f"pictures of the folder {Path(words).name!r}", files)


def _uploads(kind: str, files: Mapping[str, bytes]) -> TargetSet:
    labels, pictures = {}, {}
    for label, data in files.items():
        try:
            upload = read_upload(data)
        except PictureError as error:
            raise RequestError("targets", f"{label}: {error}") from error
        labels[upload.name], pictures[upload.name] = label, upload.png
    return TargetSet(f"{len(labels)} {kind}", labels, pictures)
