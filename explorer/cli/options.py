"""The options that stand for the fields of a Request, as one table, both ways.

From options to a checked request (`request_from`), and from a request to the command line that
generates the same (`command_line`).
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from explorer.cli.arguments import random_seeds, real_number, some_text, whole_number
from explorer.errors import RequestError
from explorer.losses.terms.representation import COMPARISONS
from explorer.request import Request
from explorer.synthesis.optimizers.registry import choices as optimiser_choices
from explorer.validation import DEFAULT_ADVERSARY

SIZE_HELP = "input resolution of the network in px (default: as it was trained)"
NULL_FOLDER_HELP = "folder of pictures from which the null is made, instead of the gallery's"


@dataclass(frozen=True)
class Option:
    """One option of the command line that sets one field of a Request.

    default: what the option is where it is not given; None leaves the field's own default, which
    the help gives.
    value: from the word on the command line to the field's value.
    """

    flag: str
    field: str
    help: str | Callable[[], str]
    value: Callable[[str], object] = str
    default: object = None
    metavar: str | None = None
    repeats: bool = False


NETWORK_OPTIONS = (
    Option("--model", "model", "a reference, see `models`; or file:PATH"),
    Option("--arch", "architecture", "for file: models, the architecture, such as timm:resnet18"),
    Option("--layer", "layer", "a layer's name, see `layers`", default="penultimate"),
    Option("--size", "size", SIZE_HELP, whole_number()),
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
    Option("--optimiser", "optimiser", lambda: ", ".join(optimiser_choices()), default="auto"),
    Option("--steps", "steps", "budget of forward and backward passes", whole_number()),
    Option("--goal", "goal", "relative distance at which to stop", real_number()),
    Option(
        "--rng",
        "rng_seed",
        "random seed from which the seed image is drawn",
        random_seeds,
        default=str(Request.defaults()["rng_seed"]),
    ),
)
_REQUIRED = ("model",)


def add_options(parser: argparse.ArgumentParser, options: Sequence[Option]) -> None:
    """Add these options to a command's parser."""
    defaults = Request.defaults()
    for option in options:
        text = option.help if isinstance(option.help, str) else option.help()
        help_text = text.replace("%", "%%")
        default = defaults.get(option.field) if option.default is None else option.default
        if default is not None:
            help_text += f" (default: {default})"
        if option.repeats:
            parser.add_argument(
                option.flag, action="append", default=[], metavar=option.metavar, help=help_text
            )
        else:
            parser.add_argument(
                option.flag,
                type=option.value,
                default=option.default,
                required=option.field in _REQUIRED,
                help=help_text,
            )


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """--model, --arch, --layer and --size: one network."""
    add_options(parser, NETWORK_OPTIONS)


def add_search_options(parser: argparse.ArgumentParser, rng_help: str | None = None) -> None:
    """From --seed to --null-folder: how an IRI is made and judged, whatever the network.

    rng_help: what --rng is to this command, where that is more than one image's random seed.
    """
    add_options(
        parser,
        [
            replace(option, help=rng_help) if rng_help and option.field == "rng_seed" else option
            for option in SEARCH_OPTIONS
        ],
    )
    add_null_option(parser)


def add_null_option(parser: argparse.ArgumentParser) -> None:
    """--null-folder: the unrelated pictures that a match is compared with."""
    parser.add_argument("--null-folder", type=some_text, help=NULL_FOLDER_HELP)


def request_from(
    options: argparse.Namespace, target: str, network: Mapping[str, object] | None = None
) -> tuple[Request, dict[str, bytes]]:
    """The request that the options ask for, and the PNG bytes of the files among them.

    network: `model`, `architecture`, `layer` and `size`, where the options do not hold them under
    their usual names. Raises as `explorer.validation.parse_request`, and RequestError for several
    random seeds.
    """
    from explorer import validation

    if len(options.rng) > 1:
        raise RequestError("rng_seed", "only generate takes several random seeds; give one")
    fields: dict[str, Any] = (
        dict(network) if network is not None else _values(options, NETWORK_OPTIONS)
    )
    fields |= _values(options, SEARCH_OPTIONS)
    fields["rng_seed"] = options.rng[0]
    fields["term_weights"] = _term_weights(options.weight)
    return validation.parse_request(**fields, target=target, null_folder=options.null_folder)


def requests_from(
    options: argparse.Namespace, target: str
) -> tuple[list[Request], dict[str, bytes]]:
    """As `request_from`, one request for each random seed."""
    first, *more = options.rng
    single = argparse.Namespace(**vars(options) | {"rng": [first]})
    request, pictures = request_from(single, target)
    return [request, *(replace(request, rng_seed=number) for number in more)], pictures


def command_line(request: Request) -> str:
    """The command that generates the same; names in capitals stand for the user's own files."""
    defaults = Request.defaults()
    words = ["python", "-m", "explorer", "generate"]
    always = ("model", "layer", "target", "seed", "loss")
    target = Option("--target", "target", "")
    model, *rest = NETWORK_OPTIONS
    for option in (model, *rest, target, *SEARCH_OPTIONS):
        value = getattr(request, option.field)
        if option.field == "term_weights":
            for term, size in value or ():
                words += [option.flag, f"{term}={exact(size)}"]
        elif option.field in ("target", "seed"):
            words += [option.flag, "YOUR_PICTURE.png" if value.startswith("picture:") else value]
        elif option.field in always or value != defaults[option.field]:
            words += [option.flag, exact(value) if isinstance(value, float) else str(value)]
    if request.null is not None:
        words += ["--null-folder", "YOUR_PICTURES"]
    return shlex.join([*words, "--out", "iri"])


def exact(value: float) -> str:
    """A number in as few digits as bring back this very one: `0.02`, `2`."""
    return repr(value).removesuffix(".0")


def _values(options: argparse.Namespace, table: Sequence[Option]) -> dict[str, object]:
    """The fields that the options set; a default of the Request where an option is silent."""
    defaults = Request.defaults()
    values = {}
    for option in table:
        value = getattr(options, option.flag.removeprefix("--").replace("-", "_"))
        values[option.field] = defaults.get(option.field) if value is None else value
    return values


def _term_weights(words: list[str]) -> dict[str, float] | None:
    """`tv=1e-3` → {"tv": 0.001}; RequestError says how to write it."""
    weights: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = None
        if weight is None or name in weights:
            raise RequestError(
                "term_weights", f"{word!r}: write each term once, like tv=1e-3; 0 removes it"
            )
        weights[name] = weight
    return weights or None
