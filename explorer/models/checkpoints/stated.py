"""What a checkpoint's plain values state of the pictures that its network takes.

The options of timm's and torchvision's training scripts, Lightning's hyper-parameters, OpenMMLab's
configuration, timm's and Hugging Face's `config.json`, dicts of people's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor

from explorer.models.checkpoints import mean_and_std
from explorer.models.checkpoints.containers import OF_TRAINING, Container
from explorer.models.checkpoints.mean_and_std import Statistics
from explorer.models.origins import printable
from explorer.network_reference import INTERPOLATIONS, SIZE_RANGE

Value = TypeVar("Value")
Size = tuple[int, int]

_SIZES = (
    *("input_size", "img_size", "image_size", "val_crop_size", "eval_crop_size", "test_crop_size"),
    *("input_resolution", "image_resolution", "resolution", "imgsz", "input_shape"),
)
"""In one container the first of these counts, as `--input-size` does in timm's own script."""

_SHARES = ("crop_pct", "eval_crop_ratio", "crop_ratio")
_CROPPED = (("val_crop_size", "val_resize_size"), ("crop_size", "resize_size"))
_INTERPOLATIONS = ("interpolation", "test_interpolation", "val_interpolation", "resample")
_PILLOW = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_TRAINING_ONLY = ("random", "")
_PAIR_IN_ONE = ("stats", "norm_stats", "mean_std", "imagenet_stats", "normalize", "normalization")
_TRANSFORM = re.compile(
    r"Normalize\(\s*mean=(?:tensor\()?([\[(][^\])]*[\])])\)?,\s*std=(?:tensor\()?([\[(][^\])]*[\])])"
)
"""torchvision's transform, written as text."""

_DEFAULTS = re.compile(r"(^|\.)(pretrained|default)_cfg\.")
_CROP_MODES = ("center", "squash", "border")


@dataclass(frozen=True)
class Stated(Generic[Value]):
    """A setting that a checkpoint states, and the name by which it does."""

    value: Value
    name: str


def statistics_in(containers: Sequence[Container]) -> tuple[list[Statistics], list[str]]:
    """Every pair of mean and deviation among plain values, and notes on those that are unusable."""
    pairs: list[Statistics] = []
    notes: list[str] = []
    for container in containers:
        for mean_name, std_name, mean, std in _given_pairs(container):
            names = (container.name(mean_name), container.name(std_name))
            read = mean_and_std.read(names, mean, std)
            if mean_and_std.is_of_something_else(container.path):
                if isinstance(read, Statistics):
                    notes.append(f"{read.shown} were not used, as they are not of the input")
            elif isinstance(read, Statistics):
                pairs.append(read)
            elif any(isinstance(each, str) or _numbers(each) for each in (mean, std)):
                notes.append(f"{read}, so it was ignored")
        if not mean_and_std.is_of_something_else(container.path):
            notes += _alone(container)
    return pairs, notes


def _numbers(value: object) -> bool:
    return mean_and_std.numbers_in(value) is not None


def _alone(container: Container) -> Iterator[str]:
    """Notes on a mean or a deviation of three numbers without the other."""
    values = {name: value for name, value in container.values.items() if value is not None}
    means = [mean for mean, std in mean_and_std.paired_names(values) if std is None]
    for names, other in (
        (means, "standard deviation"),
        (mean_and_std.lone_deviations(values), "mean"),
    ):
        for name in names:
            if isinstance(values[name], Tensor):
                continue  # `tensor_statistics` has it
            if len(mean_and_std.numbers_in(values[name]) or ()) == 3:
                named = printable(container.name(name))
                yield f"{named} has no {other} next to it, so it was ignored"


def _given_pairs(container: Container) -> Iterator[tuple[str, str, object, object]]:
    values = container.values
    for mean, std in mean_and_std.paired_names(values):
        if std is not None and values[mean] is not None and values[std] is not None:
            yield mean, std, values[mean], values[std]
    for name in _PAIR_IN_ONE:
        pair = values.get(name)
        if isinstance(pair, str) and "imagenet" in pair.lower():
            yield name, name, pair, pair
        elif (
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and all(isinstance(each, list | tuple) for each in pair)
        ):
            yield f"{name}.0", f"{name}.1", *pair
    for name, text in values.items():
        if isinstance(text, str) and not OF_TRAINING.search(name):
            written = _TRANSFORM.search(text)
            if written is not None:
                yield name, name, written[1], written[2]


def is_default(name: str) -> bool:
    """Whether a value is of timm's configuration of an architecture, which options override."""
    return _DEFAULTS.search(name) is not None


def size_in(containers: Sequence[Container]) -> tuple[Stated[Size] | None, list[str]]:
    """The size (height, width), px, that is stated, and a note where several are."""
    return _agreed(
        "size", (_size(each) for each in containers), lambda size: "×".join(map(str, size))
    )


def crop_share_in(containers: Sequence[Container]) -> tuple[Stated[float] | None, list[str]]:
    """The share of the resized picture that the crop keeps, and notes on what cannot be one."""
    notes: list[str] = []
    found = [_crop_share(each, notes) for each in containers]
    share, more = _agreed("crop_pct", found, lambda value: f"{value:g}")
    return share, [*notes, *more]


def crop_mode_in(containers: Sequence[Container]) -> Stated[str] | None:
    """How pictures of other proportions are brought to the size, as timm names it."""
    for container in containers:
        mode = container.values.get("crop_mode")
        if mode in _CROP_MODES:
            return Stated(str(mode), container.name("crop_mode"))
    return None


def interpolation_in(containers: Sequence[Container]) -> tuple[Stated[str] | None, list[str]]:
    """The interpolation of the resize, and a note where it is one that is not available here."""
    notes: list[str] = []
    stated = []
    for container in containers:
        for name in _INTERPOLATIONS:
            known = interpolation_named(container.values.get(name))
            if known in INTERPOLATIONS:
                stated.append(Stated(known, container.name(name)))
                break
            if known is not None:
                notes.append(
                    f"{container.name(name)} is {known}; {', '.join(INTERPOLATIONS)} work here, so "
                    "it was ignored"
                )
    agreed, more = _agreed("interpolation", stated, str)
    return agreed, [*notes, *more]


def interpolation_named(value: object) -> str | None:
    """`bicubic` of 3 or `InterpolationMode.BICUBIC`; None of what is not for evaluation."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return _PILLOW.get(int(value))
    written = getattr(value, "value", value)
    if not isinstance(written, str):
        return None
    name = written.rpartition(".")[2].strip().lower()
    if name.isdigit():
        return _PILLOW.get(int(name))
    return None if name in _TRAINING_ONLY or not re.fullmatch(r"[a-z_]{3,20}", name) else name


def _agreed(
    setting: str,
    found: Iterator[Stated[Value] | None] | Sequence[Stated[Value] | None],
    shown: Callable[[Value], str],
) -> tuple[Stated[Value] | None, list[str]]:
    """The least nested of what is stated; none, and a note, where others as deep differ from it."""
    stated = [each for each in found if each is not None]
    stated = [each for each in stated if not is_default(each.name)] or stated
    if not stated:
        return None, []
    depth = min(each.name.count(".") for each in stated)
    rivals = {each.value: each for each in stated if each.name.count(".") == depth}
    if len(rivals) == 1:
        return stated[0], []
    listed = " and ".join(
        f"{shown(value)} ({printable(each.name)})" for value, each in rivals.items()
    )
    return None, [f"the checkpoint states more than one {setting}, {listed}; none of them was used"]


def _size(container: Container) -> Stated[Size] | None:
    values = container.values
    for name in _SIZES:
        size = size_of(values.get(name))
        if size is not None:
            return Stated(size, container.name(name))
    if any(std for _, std in mean_and_std.paired_names(values)):
        for name in ("crop_size", "size"):  # of a preprocessor; elsewhere these are of other things
            size = None if values.get("do_center_crop") is False else size_of(values.get(name))
            if size is not None:
                return Stated(size, container.name(name))
    return None


def size_of(value: object) -> Size | None:
    """(height, width), px, of 224, `224`, [3, 224, 224], [224, 224], {"height": 224, …}."""
    if isinstance(value, Mapping):
        sides = [value.get("height"), value.get("width")]
    elif isinstance(value, list | tuple) and len(value) in (1, 2, 3):
        channels, *_ = value
        if len(value) == 3 and channels not in (1, 3):
            return None
        sides = list(value[1:] if len(value) == 3 else value)
    else:
        sides = [value]
    numbers = [_whole(side) for side in sides]
    low, high = SIZE_RANGE
    if any(number is None or not low <= number <= high for number in numbers):
        return None
    height, width = numbers[0], numbers[-1]
    return None if height is None or width is None else (height, width)


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdigit():
        return int(value) if len(value) < 8 else None
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _crop_share(container: Container, notes: list[str]) -> Stated[float] | None:
    from explorer.models.architectures.torchvision import crop_share

    values = container.values
    for name in _SHARES:
        given = mean_and_std.numbers_in(values.get(name))
        if given is not None and len(given) == 1:
            if 0 < given[0] <= 1:
                return Stated(given[0], container.name(name))
            notes.append(
                f"{printable(container.name(name))} is {given[0]:g}, not above 0 and at most 1, so "
                "it was ignored"
            )
    for crop_name, resize_name in _CROPPED:
        crop, resize = (_side(values.get(name)) for name in (crop_name, resize_name))
        if crop is not None and resize is not None and crop <= resize:
            name = f"{container.name(crop_name)} / {resize_name}"
            return Stated(crop_share(crop, resize), name)
    shortest = values.get("size")
    if isinstance(shortest, Mapping) and values.get("do_center_crop") is not False:
        crop, resize = _side(values.get("crop_size")), _whole(shortest.get("shortest_edge"))
        if crop is not None and resize is not None and crop <= resize:
            return Stated(crop_share(crop, resize), f"{container.name('crop_size')} / size")
    return None


def _side(value: object) -> int | None:
    size = size_of(value)
    return size[0] if size is not None and size[0] == size[1] else None
