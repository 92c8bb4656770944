"""Going on from a finished IRI: a new request, whose search starts from the earlier image.

The search starts from the float32 image alone: momentum, curvature and schedule start anew. That
costs up to some twenty passes, rarely seventy (on embedded networks, 4 targets: 0.92 to 1.24 times
the distance of a search of as many passes in one), and the state would weigh up to twenty times as
much as the image. All that is measured still refers to the original seed. Importing this does not
import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.analysis.arguments import as_result
from explorer.errors import RequestError
from explorer.images.encoding import from_8bit, from_png
from explorer.request import Request
from explorer.result import Result, ResultError
from explorer.result.provenance import Curves, Provenance

if TYPE_CHECKING:
    from explorer.analysis.nulls import BytesStore
    from explorer.analysis.progress import StagedCallback

FURTHER_STEPS = 500
"""The budget of a continuation where none is given."""

FREE_FIELDS = ("steps", "goal", "optimiser", "nearest", "continues", "null", "null_folder")
"""Fields that may differ from the earlier request's: how long, how, and what judges the match."""

_PREFIX = "result:"


def continuation(result: Result, steps: int = FURTHER_STEPS) -> Request:
    """The request that goes on from a result for up to `steps` more passes, same in all else."""
    request = as_result(result).request
    return replace(
        request,
        continues=request.key,
        steps=steps,
        # Decided anew: another goal or optimiser may not allow what this one did.
        nearest=None if request.nearest else request.nearest,
    )


def continue_result(
    result: Result,
    steps: int = FURTHER_STEPS,
    callback: StagedCallback | None = None,
    store: BytesStore | None = None,
    *,
    null_folder: str | Path | None = None,
    classes_file: str | Path | None = None,
) -> Result:
    """Go on from a result's IRI for up to `steps` more passes.

    Uploaded pictures are not needed again: the result holds them as they were fitted. null_folder,
    classes_file: the folder of pictures and the file of class names with which the result was made,
    if it was; it holds no paths. callback, store: as for `generate`. Raises as `generate`,
    TypeError for anything but a result.

        result = generate(Request(model="embedded:imagenette-residual-adv1", steps=20))
        if result.provenance.stopped == "budget":
            result = continue_result(result, steps=500)
    """
    from explorer.analysis.generation import generate
    from explorer.validation import network_reference, with_null

    request = continuation(result, steps)
    if classes_file is not None:
        given = request.to_dict() | {"classes_file": str(classes_file)}
        named = network_reference(request.model, **given)
        request = replace(request, classes=named.classes, classes_file=named.classes_file)
    if null_folder is not None:
        request = with_null(request, null_folder)
    return generate(request, pictures_with([result]), callback, store)


def pictures_to_send(
    requests: Sequence[Request],
    pictures: Mapping[str, bytes],
    stored: Callable[[str], bytes | None],
) -> dict[str, bytes]:
    """What `generate_batch` needs of these pictures, and the results that the requests go on from.

    stored: the bytes of the result of a key, or None; what is not there is left out.
    """
    names = {name for request in requests for name in (request.target, request.seed)}
    keys = {key for request in requests for key in keys_of(request)}
    results = {_PREFIX + key: data for key in keys if (data := stored(key)) is not None}
    names |= {_PREFIX + key for key in keys}
    return {name: data for name, data in {**results, **pictures}.items() if name in names}


def keys_of(request: Request) -> tuple[str, ...]:
    """The keys of the results that a request goes on from or is to differ from."""
    return (*([request.continues] if request.continues else []), *(request.away_from or ()))


def pictures_with(
    results: Sequence[Result], pictures: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """The pictures, and the results that requests name among them: what `generate_batch` takes."""
    earlier = {_PREFIX + result.request.key: result.to_bytes() for result in results}
    return {**(pictures or {}), **earlier}


def earlier_results(
    requests: Sequence[Request], pictures: Mapping[str, bytes]
) -> list[Result | None]:
    """The result that each request goes on from; None where it starts from its seed.

    Raises RequestError as `earlier_result`.
    """
    return [
        None if request.continues is None else earlier_result(request, pictures)
        for request in requests
    ]


def earlier_result(request: Request, pictures: Mapping[str, bytes]) -> Result:
    """The result that a request goes on from, checked.

    Raises RequestError: field `continues` where it is missing or damaged, else the first field that
    differs from the earlier request's, and as `check_files`.
    """
    result = named_result("continues", str(request.continues), pictures)
    check_agrees(request, result.request)
    check_files(request)
    return result


def named_result(field: str, key: str, pictures: Mapping[str, bytes]) -> Result:
    """The result of this key among the pictures; RequestError for the field that names it."""
    data = pictures.get(_PREFIX + key)
    if data is None:
        raise missing(key, field)
    try:
        result = Result.from_bytes(data)
    except ResultError as error:
        raise RequestError(field, f"result {key[:10]}… cannot be read: {error}") from error
    if result.request.key != key:
        raise RequestError(field, f"this is result {result.request.key[:10]}…, not {key[:10]}…")
    return result


def missing(key: str, field: str = "continues") -> RequestError:
    """That there is no result of this key, which the field names, and what would be right."""
    return RequestError(
        field,
        f"result {key[:10]}… is not in the cache (any more); generate it again, with the same "
        "settings, or give the folder or zip file in which it was saved",
    )


def check_agrees(request: Request, earlier: Request) -> None:
    """RequestError for the first field in which a request differs from what it goes on from."""
    given, before = _settings(request), _settings(earlier)
    for name in [*before, *given]:
        if given.get(name) != before.get(name):
            if name == "classes":
                raise RequestError("classes_file", _other_classes(earlier))
            raise RequestError(
                name,
                f"it is {given.get(name, 'not set')}, but {before.get(name, 'not set')} in the "
                f"result to continue; only {', '.join(FREE_FIELDS[:4])} may differ, so leave it "
                "out, or generate the image anew",
            )


def check_files(request: Request) -> None:
    """RequestError where a request lacks the path of the folder or file that its result had.

    A result holds only the hashes of their contents.
    """
    if request.null is not None and request.null_folder is None:
        raise RequestError(
            "null_folder",
            "the result to continue was made with a folder of pictures as its null; give that "
            "folder, or another, with --null-folder FOLDER (in Python, null_folder)",
        )
    if request.classes is not None and request.classes_file is None:
        raise RequestError(
            "classes_file",
            "the result to continue was made with class names from a file; give that file with "
            "--classes FILE (in Python, classes_file)",
        )


def _other_classes(earlier: Request) -> str:
    if earlier.classes is None:
        return "the result to continue was made without a file of class names; leave --classes out"
    return (
        "its class names are not those with which the result to continue was made; give the same "
        "with --classes FILE, or generate the image anew"
    )


def _settings(request: Request) -> dict[str, object]:
    """What must stay: all that decides a result but FREE_FIELDS; no paths of files."""
    values = request.to_dict() | request.network.identity
    left_out = {*FREE_FIELDS, "classes_file"}
    return {name: value for name, value in values.items() if name not in left_out}


def fitted_picture(result: Result, field: str) -> np.ndarray:
    """The target or seed of a finished result, float32 3×H×W in [0, 1], as it was fitted then."""
    return from_8bit(from_png(result.target_png if field == "target" else result.seed_png))


def whole(earlier: Result | None, result: Result) -> Result:
    """A result with all that came before it, if anything did: curves, frames and provenance.

    Steps are counted on from the earlier result's. Left out of the curves is the new search's step
    0, the IRI that the earlier one ended with.
    """
    if earlier is None:
        return result
    before, provenance, curves = earlier.provenance, result.provenance, result.curves
    steps, best_step = passes(before), provenance.best_step
    return replace(
        result,
        frames=tuple((steps + step, png) for step, png in result.frames),
        curves=Curves(
            step=(*earlier.curves.step, *(steps + step for step in curves.step[1:])),
            loss=(*earlier.curves.loss, *curves.loss[1:]),
            relative_l2=(*earlier.curves.relative_l2, *curves.relative_l2[1:]),
        ),
        provenance=replace(
            provenance,
            best_step=steps + best_step if best_step else before.best_step,
            steps_before=steps,
            seconds_before=round(before.seconds_before + before.seconds, 3),
            keys_before=(*before.keys_before, earlier.request.key),
        ),
    )


def passes(provenance: Provenance) -> int:
    """Steps since the first seed, those of earlier results included."""
    return provenance.steps_before + provenance.steps
