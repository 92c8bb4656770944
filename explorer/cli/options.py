"""The options that say what is to be made, shared by every command that makes something."""

from __future__ import annotations

import argparse
from dataclasses import replace

from explorer.request import OPTIMISERS, Request, RequestError

SIZE_HELP = "px at which the network looks at pictures (default: as it was trained)"
NULL_FOLDER_HELP = "folder of pictures to judge the match by, instead of the gallery's"


def add_network_options(command: argparse.ArgumentParser) -> None:
    """--model, --arch and --layer: one network."""
    command.add_argument("--model", required=True, help="a reference, see models; or file:PATH")
    command.add_argument("--arch", help="for file: models, the architecture, such as timm:resnet18")
    command.add_argument(
        "--layer", default="penultimate", help="a layer's name (default: %(default)s)"
    )
    command.add_argument("--size", type=int, help=SIZE_HELP)


def add_search_options(command: argparse.ArgumentParser) -> None:
    """From --seed to --null-folder: how an IRI is searched and judged, whatever the network."""
    command.add_argument(
        "--seed",
        default="grey-noise",
        help="a seed kind, gallery name or file (default: %(default)s)",
    )
    command.add_argument("--loss", default="regularizer-free", help="a loss variant's name")
    command.add_argument(
        "--weight",
        action="append",
        default=[],
        metavar="TERM=SIZE",
        help="a weight of your own, such as tv=1e-3; 0 removes the term; may be given again",
    )
    command.add_argument(
        "--representation", help="compared how in the loss: relative-l2 (default), cosine or gram"
    )
    command.add_argument("--adversary", help="for losses with d(x, …), the perceptual measure d")
    command.add_argument(
        "--relu-gradient", help="identity: the ReLU that ends the layer passes every gradient on"
    )
    command.add_argument("--optimiser", default="auto", help=", ".join(OPTIMISERS))
    command.add_argument("--steps", type=int, help="budget of forward and backward passes")
    command.add_argument("--goal", type=float, help="relative distance at which to stop")
    command.add_argument(
        "--rng",
        type=_rng_numbers,
        default=[0],
        help="random number that the seed image is drawn by; generate takes several: 0,1,2",
    )
    command.add_argument("--null-folder", help=NULL_FOLDER_HELP)


def request_of(
    options: argparse.Namespace, target: str, **network: str | int | None
) -> tuple[Request, dict[str, bytes]]:
    """The request that the options ask for, and the PNG bytes of the files among them.

    network: `model`, `architecture` and `layer`, where the options do not hold them under their
    usual names. Raises as `explorer.validation.from_words`, and for several random seeds.
    """
    from explorer import validation

    if len(options.rng) > 1:
        raise RequestError("rng_seed", "only generate takes several random numbers; give one")

    defaults = Request.defaults()
    if not network:
        network = {"model": options.model, "architecture": options.arch, "layer": options.layer}
        network["size"] = options.size
    return validation.from_words(
        **network,
        target=target,
        seed=options.seed,
        loss=options.loss,
        term_weights=_term_weights(options.weight),
        representation=options.representation,
        relu_gradient=options.relu_gradient,
        adversary=options.adversary,
        optimiser=options.optimiser,
        steps=defaults["steps"] if options.steps is None else options.steps,
        goal=defaults["goal"] if options.goal is None else options.goal,
        rng_seed=options.rng[0],
        null_folder=options.null_folder,
    )


def requests_of(options: argparse.Namespace, target: str) -> tuple[list[Request], dict[str, bytes]]:
    """As `request_of`, one request for each random number."""
    first, *more = options.rng
    one = argparse.Namespace(**vars(options) | {"rng": [first]})
    request, pictures = request_of(one, target)
    return [request, *(replace(request, rng_seed=number) for number in more)], pictures


def _rng_numbers(text: str) -> list[int]:
    """`0,1,2` → [0, 1, 2], each once."""
    return list(dict.fromkeys(int(word) for word in text.split(",")))


def _term_weights(words: list[str]) -> dict[str, float] | None:
    """`tv=1e-3` → {"tv": 0.001}; RequestError says how to write it."""
    weights: dict[str, float] = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            weight = float(value)
        except ValueError:
            equals = ""
        if not equals or name in weights:
            raise RequestError(
                "term_weights", f"{word!r}: write each term once, like tv=1e-3; 0 removes it"
            )
        weights[name] = weight
    return weights or None
