"""The options that stand for the fields of a Request, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explorer.cli.arguments import (
    channel_values,
    keys,
    random_seeds,
    real_number,
    some_text,
    whole_number,
    yes_or_no,
)
from explorer.losses.terms.representation import COMPARISONS
from explorer.network_reference import INTERPOLATIONS
from explorer.request import Request
from explorer.synthesis.optimizers.registry import choices as optimiser_choices
from explorer.validation import DEFAULT_ADVERSARY, NEAREST_PX

SIZE_HELP = "input resolution of the network in px (default: as it was trained)"


@dataclass(frozen=True)
class Option:
    """One option of the command line that sets one field of a Request.

    default: what the option is where it is not given; None leaves the field's own default, which
    the help gives.
    value: from the word on the command line to the field's value.
    must_be_given: whether the field's own default is not used, so that the help does not give it.
    """

    flag: str
    field: str
    help: str | Callable[[], str]
    value: Callable[[str], object] = str
    default: object = None
    metavar: str | None = None
    repeats: bool = False
    must_be_given: bool = False

    @property
    def attribute(self) -> str:
        """Where argparse keeps its value: `relu_gradient` for `--relu-gradient`."""
        return self.flag.removeprefix("--").replace("-", "_")


MODEL_OPTION = Option("--model", "model", "a reference, see `models`; or file:PATH")
LAYER_OPTION = Option(
    "--layer",
    "layer",
    "a layer, a part of one or several: see `layers --help`",
    default="penultimate",
)
LOADING_OPTIONS = (
    Option(
        "--arch",
        "architecture",
        "for file: models, the architecture: timm:NAME, torchvision:NAME, cifar:NAME or "
        "python:FILE.py:CALLABLE",
    ),
    Option(
        "--weights-key",
        "weights_key",
        "for file: models, the key of the weights in the checkpoint, such as state_dict_ema "
        "(default: those that fit)",
    ),
    Option("--size", "size", SIZE_HELP, whole_number()),
    Option(
        "--mean",
        "mean",
        "mean per channel, of images in [0, 1], such as 0.485,0.456,0.406 (default: the network's)",
        channel_values,
    ),
    Option(
        "--std", "std", "standard deviation per channel (default: the network's)", channel_values
    ),
    Option(
        "--interpolation",
        "interpolation",
        f"how images are resized: {', '.join(INTERPOLATIONS)} (default: the network's)",
    ),
    Option(
        "--crop-pct",
        "crop_pct",
        "share of the resized image's side that the crop keeps (default: the network's)",
        real_number(),
    ),
    Option(
        "--classes",
        "classes_file",
        "file with the class names, one per line, or a JSON list (default: the network's)",
        some_text,
        metavar="FILE",
    ),
)
"""What says, with --model, which network and with which input."""

NETWORK_OPTIONS = (MODEL_OPTION, LAYER_OPTION, *LOADING_OPTIONS)
TARGET_OPTION = Option(
    "--target",
    "target",
    "a gallery picture's name, a file, noise or wide-noise",
    must_be_given=True,
)
SEARCH_OPTIONS = (
    Option("--seed", "seed", "a seed kind, gallery name or file", default="grey-noise"),
    Option("--loss", "loss", "a loss variant's name, see `losses`", default="regularizer-free"),
    Option(
        "--weight",
        "term_weights",
        "the weight of a term, such as tv=1e-3; 0 removes the term; may be given again",
        metavar="TERM=SIZE",
        repeats=True,
    ),
    Option(
        "--representation",
        "representation",
        f"how the loss compares representations: {', '.join(COMPARISONS)}; the first by default",
    ),
    Option(
        "--adversary",
        "adversary",
        "for losses with d(x, …), the perceptual measure d "
        f"(default: {DEFAULT_ADVERSARY}, for these losses)",
    ),
    Option(
        "--relu-gradient",
        "relu_gradient",
        "identity: straight-through gradient at the ReLU that ends the layer",
    ),
    Option(
        "--observer",
        "observer",
        "for the loss controversial, the network to which the image is to differ from the target",
    ),
    Option(
        "--observer-layer",
        "observer_layer",
        "the observer's layer at which it is to differ (default: penultimate)",
    ),
    Option(
        "--away-from",
        "away_from",
        "for the loss diverse, the keys of results in the cache, separated by commas",
        keys,
        metavar="KEY,KEY",
    ),
    Option("--optimiser", "optimiser", lambda: ", ".join(optimiser_choices()), default="auto"),
    Option("--steps", "steps", "budget of forward and backward passes", whole_number()),
    Option("--goal", "goal", "relative distance at which to stop", real_number()),
    Option(
        "--nearest",
        "nearest",
        "yes: bring the image that the search found as near to the seed as the goal allows; no: "
        f"leave it as found (default: yes for networks of up to {NEAREST_PX} px, where the loss is "
        "the match alone)",
        yes_or_no,
        metavar="{yes,no}",
    ),
    Option(
        "--rng",
        "rng_seed",
        "random seed from which the seed image is drawn",
        random_seeds,
        default=str(Request.defaults()["rng_seed"]),
    ),
)
