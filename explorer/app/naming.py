"""Names that people read: of pictures, networks and whole requests."""

from __future__ import annotations

import shlex

from explorer.images import gallery, noise_targets, seeds
from explorer.losses.variants import LOSSES
from explorer.models import catalogue
from explorer.request import Request


def picture_title(name: str) -> str:
    """`astronaut` → its title; a seed kind's title; `your picture` and its digits for an upload."""
    if name.startswith("picture:"):
        return f"your picture {name.removeprefix('picture:')[:6]}"
    if name in seeds.kinds():
        return seeds.describe(name).title
    if noise_targets.is_one(name):
        return noise_targets.title(name)
    return gallery.describe(name).title if name in gallery.names() else name


def network_title(reference: str) -> str:
    """The catalogue's title, or the reference itself."""
    entry = catalogue.find(reference)
    return reference if entry is None else entry.title


def said(request: Request) -> str:
    """The request in a sentence."""
    adjusted = " (adjusted)" if request.term_weights or request.representation else ""
    return (
        f"**{network_title(request.model)}**, layer `{request.layer}`, from "
        f"*{picture_title(request.seed)}* to *{picture_title(request.target)}*, "
        f"loss *{LOSSES[request.loss].title.lower()}*{adjusted}, up to {request.steps:,} steps."
    )


def number(value: float | None, digits: int = 3) -> str:
    """A number to read; measures of a constant or zero representation have none."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def exact(value: float) -> str:
    """A number in as few digits as bring back this very one: `0.02`, `2`."""
    return repr(value).removesuffix(".0")


def command(request: Request) -> str:
    """The command line that makes the same; a name in capitals stands for one's own files."""
    words = ["python", "-m", "explorer", "generate", "--model", request.model]
    defaults = Request.defaults()
    if request.architecture is not None:
        words += ["--arch", request.architecture]
    words += ["--layer", request.layer]
    for option, name in (("--target", request.target), ("--seed", request.seed)):
        words += [option, "YOUR_PICTURE.png" if name.startswith("picture:") else name]
    words += ["--loss", request.loss]
    for term, size in request.term_weights or ():
        words += ["--weight", f"{term}={exact(size)}"]
    for option, field in (
        ("--representation", "representation"),
        ("--relu-gradient", "relu_gradient"),
        ("--adversary", "adversary"),
        ("--optimiser", "optimiser"),
        ("--steps", "steps"),
        ("--goal", "goal"),
        ("--rng", "rng_seed"),
        ("--size", "size"),
    ):
        value = getattr(request, field)
        if value != defaults[field]:
            words += [option, exact(value) if isinstance(value, float) else str(value)]
    if request.null is not None:
        words += ["--null-folder", "YOUR_PICTURES"]
    return shlex.join([*words, "--out", "iri"])


def sentence(text: str) -> str:
    """An error's words as a sentence: a capital first, a full stop last."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."
