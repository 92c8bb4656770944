"""What is to be generated: the frozen, validated Request, its canonical JSON and its key.

Only the standard library is used here, so that every process (page, command line, worker, a
script of somebody else's) agrees on a request without importing anything heavy. Whether a name
*exists* (a network, a gallery picture, a loss variant) is checked by `explorer.validation`; here
only its form and range are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields

from explorer.errors import RequestError, shortened, unknown
from explorer.network_reference import SIZE_RANGE, NetworkReference, numbers

SCHEMA = 11
"""Raised whenever the same request would be answered by another procedure: old keys then miss."""

STEPS_RANGE = (1, 50_000)
GOAL_RANGE = (0.0, 1.0)
RNG_SEED_RANGE = (0, 2**32 - 1)
NULL_PREFIX = "folder:"
TERM_WEIGHT_RANGE = (0.0, 1e6)
RELU_GRADIENTS = ("identity",)
MOST_AWAY_FROM = 7
TRANSFORMS, CENTRED_TRANSFORMS = "transforms", "centred-transforms"
"""Suffixes of a loss's name after a +: the published random transforms, and those of our own."""
FOURIER_SUFFIX = "+fourier"

NETWORK_FIELDS = tuple(each.name for each in fields(NetworkReference))
"""Those of a Request that say which network; all of them make its `network`."""

_NAMES = ("model", "layer", "target", "seed", "loss", "optimiser")
_OPTIONAL_NAMES = (
    *("adversary", "architecture", "weights", "null", "null_folder", "representation"),
    *("weights_key", "interpolation", "classes", "classes_file", "observer", "observer_layer"),
)
_PATHS = ("null_folder", "classes_file")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NULL = re.compile(rf"{NULL_PREFIX}[0-9a-f]{{64}}")
_PICTURE = re.compile(r"picture:[0-9a-f]{64}|[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Request:
    """One IRI to be generated.

    model: reference such as `embedded:imagenette-residual-adv1`, `timm:resnet18`, `file:PATH`.
    layer: a module name of that network, `penultimate` or `logits`; a part of a layer, such as
        `layer3@channel=12`, or several with weights (`explorer.models.layer_expression`).
    target: a gallery name, a noise target (`noise`, `noise-1`, …), or `picture:` + the SHA-256 of
        an upload's pixels.
    seed: a seed kind (`noise`, `white`, …), a gallery name, or `picture:` + SHA-256.
    loss: a loss variant's name, see `explorer.losses.variants`; its suffixes decide
        `parametrisation` and `transforms`.
    term_weights: sizes of weights instead of the variant's own, by term; 0 removes a term. Given
        as a mapping, kept as pairs in the order of their names.
    representation: how representations are compared in the loss, `cosine` or `gram`; None is the
        relative ℓ₂ distance.
    relu_gradient: `identity` is the straight-through gradient at the ReLU that ends the layer; None
        is the ReLU's.
    optimiser: `auto` picks by the kind of network; the result says which was used.
    steps: the budget, forward and backward passes.
    goal: stop as soon as the relative distance at the layer is this small (0: never early).
    rng_seed: of the random generators that draw the seed image and the random transforms.
    size: side in px of the pictures that the network takes; None is as it was trained.
    adversary: for adversarial losses, the perceptual measure that plays the adversary; None is
        `explorer.validation.DEFAULT_ADVERSARY`.
    architecture, weights: for `file:` models only: the architecture that the checkpoint fits
        (`timm:NAME`) and the SHA-256 of the file, so that a changed file is a new request.
        `own:` models have the second only, a fingerprint of checkpoint and settings.
    null: the unrelated pictures that the match is compared with: None for the gallery's, `folder:`
        and a SHA-256 for those of a folder (`explorer.images.folder`).
    null_folder: the path of that folder; no part of the key. Given alone, it is enough: `null` is
        then taken from the folder (`explorer.validation.validate`).
    weights_key, mean, std, interpolation, crop_pct, classes, classes_file: as of the network's
        `NetworkReference`, like model, architecture, weights and size.
    continues: key of the result from whose IRI the search goes on, for `steps` more passes.
    nearest: whether the image that the search found is then brought as near to the seed as its
        distance at the layer allows (`explorer.synthesis.tightening`).
        `explorer.validation.validate` decides on None: true where that suits the loss and takes no
        long wait; elsewhere None stays, and stands for false.
    observer, observer_layer: for the loss `controversial`, the reference of the network to which
        the image is to differ from the target, and its layer; None is `penultimate`.
    away_from: for the loss `diverse`, the keys of up to MOST_AWAY_FROM results from whose IRIs the
        image is to be far, sorted.

    Raises RequestError for a field of the wrong form or out of range.
    """

    model: str
    layer: str = "penultimate"
    target: str = "astronaut"
    seed: str = "grey-noise"
    loss: str = "regularizer-free"
    optimiser: str = "auto"
    steps: int = 500
    goal: float = 0.02
    rng_seed: int = 0
    adversary: str | None = None
    architecture: str | None = None
    weights: str | None = None
    null: str | None = None
    null_folder: str | None = None
    term_weights: tuple[tuple[str, float], ...] | None = None
    representation: str | None = None
    relu_gradient: str | None = None
    size: int | None = None
    weights_key: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: str | None = None
    crop_pct: float | None = None
    classes: str | None = None
    classes_file: str | None = None
    continues: str | None = None
    nearest: bool | None = None
    observer: str | None = None
    observer_layer: str | None = None
    away_from: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in (*_NAMES, *_OPTIONAL_NAMES):
            if name in _NAMES or getattr(self, name) is not None:
                _name(name, getattr(self, name))
        for name in ("target", "seed"):
            if not _PICTURE.fullmatch(getattr(self, name)):
                raise RequestError(
                    name,
                    f"{getattr(self, name)!r} is neither a plain lower-case name nor 'picture:' "
                    "followed by 64 hexadecimal digits",
                )
        object.__setattr__(self, "term_weights", _term_weights(self.term_weights))
        if self.relu_gradient not in (None, *RELU_GRADIENTS):
            raise unknown("relu_gradient", "gradient", self.relu_gradient, RELU_GRADIENTS)
        object.__setattr__(self, "steps", _whole("steps", self.steps, STEPS_RANGE))
        object.__setattr__(self, "rng_seed", _whole("rng_seed", self.rng_seed, RNG_SEED_RANGE))
        object.__setattr__(self, "goal", _number("goal", self.goal, GOAL_RANGE))
        if self.size is not None:
            object.__setattr__(self, "size", _whole("size", self.size, SIZE_RANGE))
        for name in ("mean", "std"):
            object.__setattr__(self, name, numbers(name, getattr(self, name)))
        self.network.check()
        if self.null is not None and not _NULL.fullmatch(self.null):
            raise RequestError("null", "it is 'folder:' followed by 64 hexadecimal digits, or none")
        if self.continues is not None and not _SHA256.fullmatch(str(self.continues)):
            raise RequestError("continues", "it is the key of a result, 64 hexadecimal digits")
        object.__setattr__(self, "away_from", _keys(self.away_from))
        if not (self.nearest is None or isinstance(self.nearest, bool)):
            raise RequestError("nearest", f"{shortened(self.nearest)} is neither true nor false")

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """The fields' default values by name; `model` has none."""
        return {each.name: each.default for each in fields(cls) if each.default is not MISSING}

    @property
    def network(self) -> NetworkReference:
        """The network whose layer is to be matched."""
        return NetworkReference(*(getattr(self, name) for name in NETWORK_FIELDS))

    @property
    def parametrisation(self) -> str:
        """What is optimised: `pixel`, the image itself, or `fourier`, its spectrum."""
        return "fourier" if self.loss.endswith(FOURIER_SUFFIX) else "pixel"

    @property
    def transforms(self) -> str | None:
        """By which random transforms the representation is taken, None where by none."""
        suffixes = self.loss.split("+")[1:]
        return next((name for name in (TRANSFORMS, CENTRED_TRANSFORMS) if name in suffixes), None)

    def to_dict(self) -> dict[str, object]:
        """The fields by name, plain JSON values, without those that are not set."""
        values: dict[str, object] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                values[each.name] = list(value) if isinstance(value, tuple) else value
        if self.term_weights is not None:
            values["term_weights"] = dict(self.term_weights)
        return values | {"parametrisation": self.parametrisation}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Request:
        """The request with these fields; RequestError names a field that does not exist.

        `parametrisation` may be among them and must be what the loss's name says. Raises TypeError
        for what is no mapping.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"a request is read from a mapping, not {type(values).__name__}")
        values = dict(values)
        parametrisation = values.pop("parametrisation", None)
        allowed = {field.name for field in fields(cls)}
        for name in values:
            if name not in allowed:
                raise unknown(name, "field", name, sorted(allowed))
        if "model" not in values:
            raise RequestError("model", "it is missing; write it like 'embedded:NAME'")
        request = cls(**values)  # type: ignore[arg-type]  # __post_init__ checks
        if parametrisation not in (None, request.parametrisation):
            raise RequestError(
                "parametrisation",
                f"the loss {request.loss!r} optimises {request.parametrisation!r}, "
                f"not {shortened(parametrisation)}; only losses that end in {FOURIER_SUFFIX} "
                "optimise the spectrum",
            )
        return request

    @property
    def canonical(self) -> str:
        """Canonical JSON: sorted names, no spaces, shortest numbers, the schema included.

        The path of a checkpoint or a folder does not matter, only its content.
        """
        return self._canonical(SCHEMA)

    def _canonical(self, schema: int) -> str:
        values = self.to_dict() | self.network.identity | {"schema": schema}
        for name in _PATHS:
            values.pop(name, None)
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits: the name of the result."""
        return self.key_in(SCHEMA)

    def key_in(self, schema: int) -> str:
        """The key that versions with this schema gave the request."""
        return hashlib.sha256(self._canonical(schema).encode("ascii")).hexdigest()

    @property
    def batch_key(self) -> tuple[object, ...]:
        """Requests with the same one can run as one batch: same network, layer and search."""
        representation = (self.network, self.layer, self.transforms, self.relu_gradient)
        search = (self.parametrisation, self.optimiser, self.steps, self.adversary, self.null)
        different = (self.observer, self.observer_layer, self.away_from is None)
        return (*representation, *search, self.continues is None, *different)


def _term_weights(given: object) -> tuple[tuple[str, float], ...] | None:
    """The weights by term as pairs in the order of their names; None where there are none."""
    if given is None:
        return None
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, tuple) or not all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise RequestError(
            "term_weights",
            f"{shortened(given)} is no mapping of terms to weights, such as tv to 1e-3",
        )
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise RequestError("term_weights", f"{shortened(name)} is given more than once")
    weights = {name: _number("term_weights", value, TERM_WEIGHT_RANGE) for name, value in pairs}
    return tuple(sorted(weights.items())) or None


def _keys(given: object) -> tuple[str, ...] | None:
    """Keys of results, each once and sorted; None where there are none."""
    if given is None:
        return None
    keys = sorted(set(map(str, given))) if isinstance(given, list | tuple) else [""]
    if len(keys) > MOST_AWAY_FROM or not all(map(_SHA256.fullmatch, keys)):
        raise RequestError(
            "away_from",
            f"it is 1 to {MOST_AWAY_FROM} keys of results, each of 64 hexadecimal digits",
        )
    return tuple(keys) or None


def _name(field: str, value: object) -> None:
    if not isinstance(value, str) or not value or len(value) > 500:
        raise RequestError(field, f"{shortened(value)} is not a name of 1 to 500 characters")


def _number(field: str, value: object, allowed: tuple[float, float]) -> float:
    low, high = allowed
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value) + 0.0  # −0 is 0
    raise RequestError(field, f"{shortened(value)} is not a number from {low:g} to {high:g}")


def _whole(field: str, value: object, allowed: tuple[int, int]) -> int:
    low, high = allowed
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return int(value)
    raise RequestError(field, f"{shortened(value)} is not a whole number from {low:,} to {high:,}")
