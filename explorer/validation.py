"""Validation: from what a person chose or typed to a checked Request, and the pictures it names.

The command line and the pages call this; the worker validates once more, because requests can also
come from a script. No torch: layers are checked against the catalogue where it knows them, else by
the worker, with the same message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from explorer.errors import RequestError, did_you_mean, unknown
from explorer.files import expanded
from explorer.images import folder, gallery, noise_targets, seeds
from explorer.images.encoding import to_png
from explorer.images.errors import PictureError
from explorer.images.identity import same_picture, upload_name
from explorer.images.reading import pixel_digest, read_picture
from explorer.losses.difference_checks import normal_difference
from explorer.losses.terms.representation import RELATIVE_L2, REPRESENTATION
from explorer.losses.variants import Loss, loss_named, loss_of
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.models import catalogue, class_names, layer_expression
from explorer.models.layer_expression import LayerExpression
from explorer.models.names import PENULTIMATE
from explorer.network_reference import NetworkReference
from explorer.request import NULL_PREFIX, Request
from explorer.synthesis.optimizers import registry as optimisers

DEFAULT_ADVERSARY = "structure"
NEAREST_PX = 128
"""Up to this input resolution the nearest image is the default: there it takes a second or two."""

NEAREST_STAGE = "bringing the image nearer to its seed"
"""What a progress callback is told when the nearest image is looked for."""


@dataclass(frozen=True)
class Upload:
    """An uploaded picture: its name in requests and its normalised PNG bytes."""

    name: str
    png: bytes


def read_upload(data: bytes) -> Upload:
    """A picture file, decoded in this process; PictureError says what was wrong with it."""
    picture = read_picture(data)
    return Upload(upload_name(pixel_digest(picture)), to_png(picture))


def parse_request(
    *,
    model: str,
    target: str,
    seed: str,
    null_folder: str | Path | None = None,
    **choices: object,
) -> tuple[Request, dict[str, bytes]]:
    """The request that these words ask for, and the PNG bytes of the files among them.

    target, seed: a gallery name, a file's path; target also a noise target, seed also a seed kind.
    choices: any other field of a Request; model `file:PATH` needs an `architecture`. null_folder:
    see `with_null`. Raises RequestError that names the field and the nearest allowed values,
    HubUnreachable where weights would have to be downloaded and cannot be.
    """
    pictures: dict[str, bytes] = {}
    names = {}
    for field, text in (("target", target), ("seed", seed)):
        names[field] = picture_name(field, text, pictures)
    reference = network_reference(model, **choices)
    request = validate(Request.from_dict({**choices, **reference.to_dict(), **names}))
    request = with_null(request, null_folder)
    check_download(request)
    return request, pictures


def observer(
    network: NetworkReference, layer: str = PENULTIMATE, null_folder: str | Path | None = None
) -> Request:
    """A network, a layer and a null for measuring finished results by, as a validated Request.

    network: as `network_reference` gives it. The request's other fields are not used. Raises
    RequestError as `parse_request` does.
    """
    request = Request.from_dict({**network.to_dict(), "layer": layer})
    return with_null(validate(request), null_folder)


def check_download(request: Request) -> None:
    """HubUnreachable where the network's weights would have to be downloaded here and cannot be."""
    if not os.environ.get("DASK_SCHEDULER_ADDRESS"):
        catalogue.require_weights(request.model)


def check_visitor_may_name(model: str) -> None:
    """RequestError (field `model`) for a reference that only the command line takes, or nobody."""
    catalogue.check_visitor_may_name(model)


def network_reference(model: str, /, **settings: object) -> NetworkReference:
    """The network that these words name, with what stands for its checkpoint's content.

    settings: other fields of a NetworkReference, such as `architecture` or `mean`; further names
    are ignored. Raises RequestError (field `model`) where the source does not exist, or the file or
    published network is not there, and for a `classes_file` that holds no class names.
    """
    reference = NetworkReference.from_dict(settings | {"model": model})
    if reference.classes_file is not None:
        path = expanded("classes_file", reference.classes_file)
        classes = class_names.digest(class_names.read(path))
        reference = replace(reference, classes=classes, classes_file=str(path.resolve()))
    return catalogue.pin(reference)


def with_null(request: Request, null_folder: str | Path | None = None) -> Request:
    """The request with the pictures of a folder as its null.

    Which folder: this one, else that of IRI_NULL_FOLDER; without either the request is as it was.
    Raises RequestError (field `null_folder`) where its pictures cannot be used.
    """
    chosen = null_folder or os.environ.get("IRI_NULL_FOLDER")
    if not chosen:
        return request
    path = expanded("null_folder", chosen).resolve()
    try:
        null = NULL_PREFIX + folder.digest_of(path)
    except (PictureError, OSError) as error:  # a page may show it, but not where folders are
        raise RequestError("null_folder", str(error).replace(str(path), path.name)) from error
    return replace(request, null=null, null_folder=str(path))


def validate(request: Request) -> Request:
    """The request in its one normal form, if every name in it exists; RequestError otherwise.

    Where it has a `null_folder` and no `null`, the null is that of the folder, as `with_null` does.
    """
    if request.null is None and request.null_folder is not None:
        request = with_null(request, request.null_folder)
    layer = _layer(request)
    for field, name in (("target", request.target), ("seed", request.seed)):
        if not name.startswith("picture:"):
            _check_name(field, name)
    if request.seed not in seeds.kinds() and same_picture(request.target, request.seed):
        raise RequestError("seed", "seed and target are the same image; choose another seed")
    request = _in_normal_form(request)
    loss = loss_of(request)
    request = normal_difference(request, loss, _why_only_searched(request, loss))
    optimisers.check_suits(request.optimiser, loss, request.relu_gradient is not None)
    return replace(
        request,
        model=catalogue.full_reference(request.model),
        layer=str(layer),
        adversary=_adversary(request.adversary, loss, catalogue.input_size(request.network)),
        nearest=_nearest(request, loss),
    )


def why_not_nearest(request: Request, loss: Loss) -> str:
    """Why the image cannot be brought nearest to its seed, in a few words; "" where it can."""
    if loss.largest:
        return "the loss asks for an image as different as possible"
    return _why_only_searched(request, loss)


def _why_only_searched(request: Request, loss: Loss) -> str:
    """Why the image that the search found cannot be moved within its match; "" where it can."""
    if set(loss.weights) != {REPRESENTATION}:
        return "the loss asks for more than the match"
    if loss.comparison != RELATIVE_L2:
        return f"the loss compares representations by {loss.comparison}, not by relative distance"
    if loss.transforms:
        return "the loss asks for a match under random transforms"
    if loss.parametrisation != "pixel":
        return "the loss changes the spectrum"
    if request.relu_gradient is not None:
        return "the gradient passes the layer's ReLU"
    if request.optimiser != optimisers.AUTO:
        optimiser = optimisers.optimiser_named(request.optimiser)
        if optimiser.as_published:
            return f"{optimiser.name!r} does what was published, and nothing after it"
    if request.goal == 0:
        return "a goal of 0 allows no distance at the layer"
    return ""


def _nearest(request: Request, loss: Loss) -> bool | None:
    """Whether the nearest image is made; RequestError where it is asked for and cannot be.

    The normal form of a request that leaves the image as found is None where that is the default.
    """
    reason = why_not_nearest(request, loss)
    if request.nearest and reason:
        raise RequestError("nearest", f"{reason}, so the image is shown as the search finds it")
    size = catalogue.input_size(request.network)
    is_default = not reason and size is not None and max(size) <= NEAREST_PX
    if request.nearest is None:
        return True if is_default else None
    return request.nearest if request.nearest or is_default else None


def adversaries() -> tuple[str, ...]:
    """The perceptual measures that can play the adversary: those that gradients pass through."""
    return tuple(name for name, each in PERCEPTUAL_MEASURES.items() if each.differentiable)


def check_adversary_size(name: str, size: tuple[int, int]) -> None:
    """RequestError (field `adversary`) where this measure needs larger images (height, width)."""
    needed = PERCEPTUAL_MEASURES[name].smallest
    if min(size) < needed:
        able = [
            other for other in adversaries() if PERCEPTUAL_MEASURES[other].smallest <= min(size)
        ]
        raise RequestError(
            "adversary",
            f"{name!r} needs images of at least {needed}×{needed} px, and this network takes "
            f"{size[0]}×{size[1]}; choose {', '.join(able)}",
        )


def _layer(request: Request) -> LayerExpression:
    """The layer, as far as the catalogue knows the network's; RequestError where it has no such."""
    entry = catalogue.entry(request.model)
    shapes = {name: shape for name, _, shape in entry.layers} if entry is not None else {}
    same_size = request.size is None or entry is None or set(entry.input_size) == {request.size}
    expression = layer_expression.check(request.layer, request.model, shapes, same_size)
    if request.relu_gradient is not None:
        layer_expression.straight_through_place(expression)
    return expression


def _in_normal_form(request: Request) -> Request:
    """Without weights that are the variant's, and without naming the default comparison."""
    own = loss_named(request.loss).weights
    given = dict(request.term_weights or ())
    changed = {name: weight for name, weight in given.items() if weight != own.get(name, 0.0)}
    is_default = request.representation == "relative-l2"
    return replace(
        request,
        term_weights=tuple(changed.items()) or None,
        representation=None if is_default else request.representation,
    )


def _adversary(name: str | None, loss: Loss, size: tuple[int, int] | None) -> str | None:
    if not loss.uses_distance:
        if name is not None:
            raise RequestError("adversary", "only losses with d(x, …) have one; leave it out")
        return None
    if name is not None and name not in adversaries():
        raise unknown("adversary", "adversary", name, adversaries())
    name = name or DEFAULT_ADVERSARY
    if size is not None:
        check_adversary_size(name, size)
    return name


def picture_name(field: str, text: str, pictures: dict[str, bytes]) -> str:
    """The name in requests of the target or seed (`field`) that somebody wrote as `text`.

    That of a file is `picture:SHA256`, and its PNG bytes are added to `pictures`. Not for words of
    a visitor, who must not learn which files there are. Raises RequestError with the field.
    """
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
    return (seeds.kinds() if field == "seed" else noise_targets.kinds()) + gallery.names()


def _check_name(field: str, name: str) -> str:
    if name not in _names(field) and not (
        field == "target" and noise_targets.is_noise_target(name)
    ):
        kind = ", gallery image or seed kind" if field == "seed" else " or gallery image"
        shown, names = name[:60], _names(field)
        suggestion = did_you_mean(shown.lower(), names, most=3)
        raise RequestError(
            field, f"no such file{kind}: {shown!r}; {suggestion}choose one of {', '.join(names)}"
        )
    return name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null character
        return False
