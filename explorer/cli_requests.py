"""The options that say what is to be made, shared by every command that makes something."""

from __future__ import annotations

import argparse

from explorer.request import OPTIMISERS, Request

NULL_FOLDER_HELP = "folder of pictures to judge the match by, instead of the gallery's"


def add_network_options(command: argparse.ArgumentParser) -> None:
    """--model, --arch and --layer: one network."""
    command.add_argument(
        "--model", required=True, help="such as embedded:NAME, timm:NAME, file:PATH"
    )
    command.add_argument("--arch", help="for file: models, the architecture, such as timm:resnet18")
    command.add_argument(
        "--layer", default="penultimate", help="a layer's name (default: %(default)s)"
    )


def add_search_options(command: argparse.ArgumentParser) -> None:
    """From --seed to --null-folder: how an IRI is searched and judged, whatever the network."""
    command.add_argument(
        "--seed",
        default="grey-noise",
        help="a seed kind, gallery name or file (default: %(default)s)",
    )
    command.add_argument("--loss", default="regularizer-free", help="a loss variant's name")
    command.add_argument("--adversary", help="for adversarial losses, the perceptual measure")
    command.add_argument("--optimiser", default="auto", help=", ".join(OPTIMISERS))
    command.add_argument("--steps", type=int, help="budget of forward and backward passes")
    command.add_argument("--goal", type=float, help="relative distance at which to stop")
    command.add_argument("--rng", type=int, default=0, help="random seed of the seed image")
    command.add_argument("--null-folder", help=NULL_FOLDER_HELP)


def request_of(
    options: argparse.Namespace, target: str, **network: str | None
) -> tuple[Request, dict[str, bytes]]:
    """The request that the options ask for, and the PNG bytes of the files among them.

    network: `model`, `architecture` and `layer`, where the options do not hold them under their
    usual names. Raises as `explorer.door.from_words`.
    """
    from explorer import door

    defaults = Request(model="embedded:any")
    if not network:
        network = {"model": options.model, "architecture": options.arch, "layer": options.layer}
    return door.from_words(
        **network,
        target=target,
        seed=options.seed,
        loss=options.loss,
        adversary=options.adversary,
        optimiser=options.optimiser,
        steps=defaults.steps if options.steps is None else options.steps,
        goal=defaults.goal if options.goal is None else options.goal,
        rng_seed=options.rng,
        null_folder=options.null_folder,
    )
