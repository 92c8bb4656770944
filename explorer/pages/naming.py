"""Names that people read: of pictures, networks and whole requests."""

from __future__ import annotations

import shlex

from explorer.images import gallery, seeds
from explorer.models import catalogue
from explorer.objectives.variants import LOSSES
from explorer.request import Request


def picture_title(name: str) -> str:
    """`astronaut` → its title; a seed kind's title; `your picture` and its digits for an upload."""
    if name.startswith("picture:"):
        return f"your picture {name.removeprefix('picture:')[:6]}"
    if name in seeds.kinds():
        return seeds.describe(name).title
    return gallery.describe(name).title if name in gallery.names() else name


def network_title(reference: str) -> str:
    """The catalogue's title, or the reference itself."""
    entry = catalogue.entry(reference)
    return reference if entry is None else entry.title


def said(request: Request) -> str:
    """The request in a sentence."""
    return (
        f"**{network_title(request.model)}**, layer `{request.layer}`, from "
        f"*{picture_title(request.seed)}* to *{picture_title(request.target)}*, "
        f"loss *{LOSSES[request.loss].title.lower()}*, up to {request.steps:,} steps."
    )


def command(request: Request) -> str:
    """The command line that makes the same; a file's name stands for an upload."""
    words = ["python", "-m", "explorer", "generate", "--model", request.model]
    defaults = Request(model=request.model)
    words += ["--layer", request.layer]
    for option, name in (("--target", request.target), ("--seed", request.seed)):
        words += [option, "YOUR_PICTURE.png" if name.startswith("picture:") else name]
    words += ["--loss", request.loss]
    for option, field in (
        ("--adversary", "adversary"),
        ("--optimiser", "optimiser"),
        ("--steps", "steps"),
        ("--goal", "goal"),
        ("--rng", "rng_seed"),
        ("--size", "size"),
    ):
        value = getattr(request, field)
        if value != getattr(defaults, field):
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join([*words, "--out", "iri"])
