"""Sets of targets for figures over many IRIs: the gallery, drawn pictures, a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from explorer.errors import RequestError
from explorer.images import gallery, seeds
from explorer.images.encoding import to_png
from explorer.images.errors import PictureError
from explorer.images.folder import left_out, picture_files, unreadable
from explorer.images.identity import content_name, is_one_of
from explorer.metrics.calibration import DRAWN, PHOTOGRAPH
from explorer.validation import read_upload
from explorer.zoo.pictures import picture

FIRST_DRAWN = 1000  # of the held-out drawn images; cards and the null use earlier ones
MOST_DRAWN = 1000
HELP = "gallery, drawn:N for N images of the embedded networks' kind, or a folder of your own"


@dataclass(frozen=True)
class TargetSet:
    """A set of targets.

    text: what they are, in words. labels: by the name that a Request has for each. pictures: PNG
    bytes of those that are not the gallery's. notes: sentences on what was given and is not among
    them: other files of the folder, second copies of a picture. kind: of
    `explorer.metrics.calibration.TARGET_KINDS`, by which it is decided which measures can tell.
    """

    text: str
    labels: Mapping[str, str]
    pictures: Mapping[str, bytes]
    notes: tuple[str, ...] = ()
    kind: str = PHOTOGRAPH

    def that_are(self, seed_images: Collection[str]) -> list[str]:
        """The names of the targets that are one of these seed images, compared by their pixels."""
        pictures = [name for name in seed_images if name not in seeds.kinds()]
        return [name for name in self.labels if is_one_of(name, pictures)]

    def notes_with(self, seed_images: Collection[str]) -> tuple[str, ...]:
        """The notes, and one on the targets of which no IRI is made because they are the seed."""
        labels = [repr(self.labels[name]) for name in self.that_are(seed_images)]
        if not labels:
            return self.notes
        return (*self.notes, f"Not a target, since it is the seed: {', '.join(labels)}.")


def target_set(targets: str | Path | Sequence[str] | TargetSet, size: int) -> TargetSet:
    """The targets that `gallery`, `drawn:N`, a folder's path or a list of their names stand for.

    size: of drawn ones, px. Raises RequestError (field `targets`) for another str, an empty list,
    and a folder that cannot be used; TypeError for another type.
    """
    if isinstance(targets, TargetSet):
        return targets
    if isinstance(targets, Path):
        return _of_folder(targets)
    if isinstance(targets, str):
        return _from_text(targets, size)
    if not isinstance(targets, Sequence) or not all(isinstance(each, str) for each in targets):
        raise TypeError(
            f"targets must be {HELP}, a list of gallery names, or a TargetSet, "
            f"not {type(targets).__name__}"
        )
    if not targets:
        raise RequestError("targets", f"the list is empty; give gallery names, or {HELP}")
    labels, notes = _without_copies((name, name) for name in targets)
    return TargetSet(f"{len(labels)} images by name", labels, {}, notes)


def _from_text(words: str, size: int) -> TargetSet:
    if words == "gallery":
        names = gallery.names()
        return TargetSet(f"the gallery's {len(names)} photographs", {n: n for n in names}, {})
    if words.startswith("drawn:"):
        count = words.removeprefix("drawn:")
        if not count.isdecimal() or not 1 <= int(count) <= MOST_DRAWN:
            raise RequestError("targets", f"{words!r}: N must be 1 to {MOST_DRAWN}")
        numbers = range(FIRST_DRAWN, FIRST_DRAWN + int(count))
        files = {f"drawn {n}": to_png(picture(n, "test", size)[0]) for n in numbers}
        return replace(_uploads("held-out drawn images", files), kind=DRAWN)
    if not words or not Path(words).is_dir():
        raise RequestError("targets", f"{words!r} is not a set of targets; give {HELP}")
    return _of_folder(Path(words))


def _of_folder(path: Path) -> TargetSet:
    files = {}
    try:
        for each in picture_files(path):
            try:
                files[each.name] = each.read_bytes()
            except OSError as error:
                raise PictureError(unreadable(each.name, error)) from error
        others = left_out(path)
    except PictureError as error:
        raise RequestError("targets", str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError("targets", f"{str(path)!r} cannot be read: {reason}") from error
    notes = (others,) if others else ()
    return _uploads(f"pictures of the folder {path.name!r}", files, notes)


def _uploads(kind: str, files: Mapping[str, bytes], notes: tuple[str, ...] = ()) -> TargetSet:
    names, pictures = [], {}
    for label, data in files.items():
        try:
            upload = read_upload(data)
        except PictureError as error:
            raise RequestError("targets", unreadable(label, error)) from error
        names.append((upload.name, label))
        pictures[upload.name] = upload.png
    labels, copies = _without_copies(names)
    return TargetSet(f"{len(labels)} {kind}", labels, pictures, notes + copies)


def _without_copies(
    named: Iterable[tuple[str, str]],
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The labels by name, each picture once under its first, and a note on the labels dropped."""
    labels: dict[str, str] = {}
    first: dict[str, str] = {}
    copies = []
    for name, label in named:
        content = content_name(name)
        if content in first:
            copies.append(f"{label!r} (as {first[content]!r})")
        else:
            first[content] = labels[name] = label
    note = f"Counted once, since the pixels are the same: {', '.join(copies)}."
    return labels, (note,) if copies else ()
