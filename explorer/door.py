"""The door: from what a person chose or typed to a checked Request, and the pictures it names.

The command line and the pages come in here; the worker checks once more, because requests can
also come from a script. No torch: layers are checked against the catalogue where it knows them,
else by the worker, with the same message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from explorer.images import gallery, seeds
from explorer.images.errors import PictureError, unknown_name
from explorer.images.reading import digest, normalise
from explorer.measures.perceptual import MEASURES
from explorer.models import catalogue, hub, known, own
from explorer.models.names import LOGITS, PENULTIMATE, unknown_layer
from explorer.objectives.variants import loss_called
from explorer.request import Request, RequestError

DEFAULT_ADVERSARY = "robust-features"


@dataclass(frozen=True)
class Upload:
    """A picture of the visitor's own: its name in requests and its normalised PNG bytes."""

    name: str
    png: bytes


def read_upload(data: bytes) -> Upload:
    """A stranger's picture, read safely; PictureError says what was wrong with it."""
    return Upload(f"picture:{digest(data)}", normalise(data))


def from_words(
    *,
    model: str,
    target: str,
    seed: str,
    architecture: str | None = None,
    **choices: object,
) -> tuple[Request, dict[str, bytes]]:
    """The request that these words ask for, and the PNG bytes of the files among them.

    target, seed: a gallery name, a file's path; seed also a seed kind. model `file:PATH` needs an
    `architecture`. Raises RequestError that names the field and the nearest allowed values,
    HubUnreachable where weights would have to be downloaded and cannot be.
    """
    pictures: dict[str, bytes] = {}
    names = {}
    for field, text in (("target", target), ("seed", seed)):
        names[field] = _picture_name(field, text, pictures)
    weights = fingerprint(model)
    if model.startswith("file:"):
        from explorer.models.files import sha256_of

        path = Path(model.removeprefix("file:"))
        if not _is_file(path):
            raise RequestError("model", f"there is no file {str(path)!r}")
        weights = sha256_of(path)
        model = f"file:{path.resolve()}"
    request = check(
        Request(model=model, architecture=architecture, weights=weights, **names, **choices)
    )
    if "DASK_SCHEDULER_ADDRESS" not in os.environ:
        hub.check(request.model)
    return request, pictures


def fingerprint(model: str) -> str | None:
    """What stands for the content of a published network (`own:NAME`) in a request; else None."""
    return own.fingerprint(model.removeprefix("own:")) if model.startswith("own:") else None


def check(request: Request) -> Request:
    """The request in its one normal form, if every name in it exists; RequestError otherwise."""
    entry = catalogue.entry(request.model)
    if entry is not None and entry.layers:
        layers = [name for name, _, _ in entry.layers]
        if request.layer not in (*layers, PENULTIMATE, LOGITS):
            raise unknown_layer(request.layer, request.model, layers)
    for field, name in (("target", request.target), ("seed", request.seed)):
        if not name.startswith("picture:"):
            _check_name(field, name)
    if request.target == request.seed:
        raise RequestError(
            "seed", "it is the target itself, so the IRI would be the target; choose another one"
        )
    loss = loss_called(request.loss)
    return replace(
        request,
        model=known.full(request.model),
        adversary=_adversary(request.adversary, loss.uses_distance),
    )


def adversaries() -> tuple[str, ...]:
    """The perceptual measures that can play the adversary of an adversarial loss.

    1 − SSIM and its like are no adversaries: driven down they draw the target inverted.
    """
    return tuple(name for name in MEASURES if name == DEFAULT_ADVERSARY or name.startswith("lpips"))


def _adversary(name: str | None, wanted: bool) -> str | None:
    if name is not None and not wanted:
        raise RequestError("adversary", "only adversarial losses have one; leave it out")
    if name is not None and name not in adversaries():
        raise RequestError(
            "adversary", f"{name!r} cannot be one; choose {', '.join(adversaries())}"
        )
    return (name or DEFAULT_ADVERSARY) if wanted else None


def _picture_name(field: str, text: str, pictures: dict[str, bytes]) -> str:
    if text.startswith("picture:") or text in _names(field):
        return text
    path = Path(text)
    if not _is_file(path):
        return _check_name(field, text)
    try:
        upload = read_upload(path.read_bytes())
    except (PictureError, OSError) as error:
        raise RequestError(field, f"{path.name}: {error}") from error
    pictures[upload.name] = upload.png
    return upload.name


def _names(field: str) -> tuple[str, ...]:
    return (seeds.kinds() if field == "seed" else ()) + gallery.names()


def _check_name(field: str, name: str) -> str:
    if name not in _names(field):
        what = "seed, gallery picture or file" if field == "seed" else "gallery picture or file"
        raise RequestError(field, str(unknown_name(what, name, _names(field))))
    return name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null character
        return False
