"""Which network, and how pictures are brought to it: a value that always travels whole.

Only the standard library is used here. Whether a name exists is checked by its source.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from explorer.errors import RequestError, shortened, unknown

SIZE_RANGE = (16, 1024)
CHECKPOINT_SOURCES = ("file", "own")
"""Whose references come with the SHA-256 of a checkpoint, which may change under its name."""

PATH_SOURCE = "file"
"""Whose references are paths, which are no part of a request's key, with an architecture."""

CODE_ARCHITECTURE = "python"
"""Whose references are `python:FILE.py:CALLABLE`; the file's path is no part of a request's key."""

INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")

_MOST = 4.0
"""Above any mean or standard deviation of images in [0, 1]."""

_REFERENCE = re.compile(r"[a-z]+:.+")
_SOURCE = re.compile(r"[A-Za-z][\w-]+:")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_ONLY = ("architecture", "weights_key")
_PATHS = ("classes_file",)


@dataclass(frozen=True, slots=True)
class NetworkReference:
    """Which network: all that is needed to load it, the same wherever it is loaded.

    model: a reference such as `embedded:imagenette-residual-adv1`, `timm:resnet18`, `file:PATH`.
    architecture: for `file:` references, the architecture that the checkpoint fits.
    weights: SHA-256 that stands for the checkpoint's content, where the reference does not.
    size: side in px of the pictures that it takes; None is as it was trained.
    weights_key: for `file:` references, the key in the checkpoint under which the weights are
        stored, such as `state_dict_ema` or `model/state_dict`; None is found by how well they fit.
    mean, std: per channel, on images in [0, 1]; one number for grey networks, three for RGB ones.
    interpolation: one of INTERPOLATIONS. crop_pct: share of the resized picture's side that the
        crop keeps, in (0, 1]. Where one of these is None, the network's own is used.
    classes: SHA-256 of the class names that are used instead of the network's own
        (`explorer.models.class_names`); classes_file: the file with them, no part of a key.
    """

    model: str
    architecture: str | None = None
    weights: str | None = None
    size: int | None = None
    weights_key: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: str | None = None
    crop_pct: float | None = None
    classes: str | None = None
    classes_file: str | None = None

    @property
    def source(self) -> str:
        """`timm` of `timm:resnet18`: where the network comes from."""
        return self.model.partition(":")[0]

    @property
    def name(self) -> str:
        """`resnet18` of `timm:resnet18`: what its source calls it."""
        return self.model.partition(":")[2]

    def to_dict(self) -> dict[str, object]:
        """The fields by name, plain JSON values, without those that are not set."""
        values: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                values[field.name] = list(value) if isinstance(value, tuple) else value
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> NetworkReference:
        """The reference in these values; what else stands there, as in a request, is left out."""
        given = {name: values[name] for name in cls.__slots__ if name in values}
        for name in ("mean", "std"):
            given[name] = numbers(name, given.get(name))
        return cls(**given)  # type: ignore[arg-type]  # checked where it is loaded

    @property
    def identity(self) -> dict[str, object]:
        """`to_dict` without what differs from machine to machine: the paths of files.

        Two references with the same identity are the same network; keys are made of it.
        """
        values = {name: value for name, value in self.to_dict().items() if name not in _PATHS}
        if self.source == PATH_SOURCE:
            values["model"] = f"{PATH_SOURCE}:"
        if self.architecture and self.architecture.startswith(f"{CODE_ARCHITECTURE}:"):
            values["architecture"] = f"{CODE_ARCHITECTURE}:{self.architecture.rpartition(':')[2]}"
        return values

    def check(self) -> None:
        """Raise RequestError where a part has the wrong form, or parts do not belong together."""
        if not _REFERENCE.fullmatch(self.model):
            hint = how_to_write(self.model) or _with_a_source(self.model)
            raise RequestError("model", f"{self.model!r} has no source; {hint}")
        if self.source == PATH_SOURCE and self.architecture is None:
            raise RequestError(
                "architecture",
                f"a {PATH_SOURCE}: model needs one, such as 'timm:resnet18' (--arch)",
            )
        if self.source in CHECKPOINT_SOURCES:
            if not _SHA256.fullmatch(self.weights or ""):
                raise RequestError(
                    "weights", f"a {self.source}: model needs the SHA-256 of its checkpoint"
                )
        elif self.weights is not None:
            raise RequestError("weights", "only file: and own: models take one; leave it out")
        if self.source != PATH_SOURCE:
            for name in _FILE_ONLY:
                if getattr(self, name) is not None:
                    raise RequestError(name, "only file: models take one; leave it out")
        self._check_input()

    def _check_input(self) -> None:
        numbers("mean", self.mean)
        numbers("std", self.std, positive=True)
        if self.mean and self.std and len(self.mean) != len(self.std):
            raise RequestError(
                "std", f"mean has {len(self.mean)} numbers and std {len(self.std)}; give as many"
            )
        if self.interpolation is not None and self.interpolation not in INTERPOLATIONS:
            raise unknown("interpolation", "interpolation", self.interpolation, INTERPOLATIONS)
        crop = self.crop_pct
        if crop is not None and (not isinstance(crop, int | float) or not 0 < crop <= 1):
            raise RequestError(
                "crop_pct", f"{shortened(crop)} is not a number above 0 and at most 1"
            )
        if self.classes is not None and not _SHA256.fullmatch(self.classes):
            raise RequestError("classes", "it is the SHA-256 of the class names, or none")


def numbers(field: str, given: object, positive: bool = False) -> tuple[float, ...] | None:
    """One number (grey) or three (RGB) as floats; None for None.

    Raises RequestError that names the field for anything else, for what is not finite, for what
    cannot be of images in [0, 1] and, where `positive`, for what is not above 0.
    """
    if given is None:
        return None
    values = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if len(values) not in (1, 3) or not all(map(_is_finite, values)):
        raise RequestError(
            field, f"{shortened(given)} is not three numbers (RGB) or one (grey), one per channel"
        )
    if positive and min(values) <= 0:
        raise RequestError(field, f"{shortened(given)} holds a number that is not above 0")
    if max(map(abs, values)) > _MOST:
        raise RequestError(
            field,
            f"mean and std are of images in [0, 1]; {shortened(given)} looks like pixels in "
            "0 … 255: divide both by 255",
        )
    return tuple(map(float, values))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def how_to_write(model: str) -> str:
    """What was probably meant by a path or an architecture without a source; else nothing."""
    if model.startswith(f"{CODE_ARCHITECTURE}:"):
        return (
            f"{CODE_ARCHITECTURE}: is an architecture for {PATH_SOURCE}: models: write "
            f"'{PATH_SOURCE}:CHECKPOINT' with --arch {model}"
        )
    if _SOURCE.match(model):
        return ""
    if "/" in model or "\\" in model or re.search(r"\.\w{1,11}$", model):
        return f"for a checkpoint write 'file:{model}' with an architecture (--arch)"
    return ""


def _with_a_source(model: str) -> str:
    """How a name is written with a source; which of them has it is theirs to say."""
    if _SOURCE.match(model):
        return "write it like 'timm:resnet18'"
    return (
        f"write 'timm:{model}' or 'torchvision:{model}', or 'embedded:{model}' for one that ships "
        "with the app"
    )
