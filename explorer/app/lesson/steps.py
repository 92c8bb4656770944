"""The lesson: its seven steps in their order. The last one asks what makes a difference."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.app.lesson import figures
from explorer.app.lesson.figures import imagenette
from explorer.app.lesson.records import Control, Question, Step, Task
from explorer.app.lesson.results import CIFAR10, CONTRASTIVE, ROBUST, STANDARD
from explorer.app.lesson.results import shipped as of
from explorer.app.lesson.steps_choices import LADDER, LOSS, MEASURING, by_loss, rungs
from explorer.app.lesson.steps_networks import ROBUST_NETWORK, STANDARD_NETWORK, WHAT
from explorer.request import Request
from explorer.result import Result

FACTOR = Control(
    "factor",
    "What differs",
    "What the networks that are compared do not have in common.",
    {
        "architecture": "Architecture",
        "training": "Training objective",
        "augmentation": "Augmentation",
    },
)
_ASKED = {
    "Adversarial training": imagenette(figures.ADVERSARIAL),
    "skip connections": imagenette(figures.SKIPS),
    "SimCLR instead of labels": imagenette(figures.CONTRASTIVE),
}
"""The effects that the question asks about; None where the report does not have one."""


def _how_many_hold(results: Sequence[Result]) -> int:
    return sum(effect is not None and effect.holds for effect in _ASKED.values())


def _intervals(results: Sequence[Result]) -> str:
    said = [
        f"{name}: not measured"
        if effect is None
        else f"{name} {effect.points:+d} points ({effect.low} to {effect.high}): {effect.verdict}"
        for name, effect in _ASKED.items()
    ]
    return f"{'; '.join(said)}. The lesson's page says what is to be read with each."


def _cifar(*names: str) -> tuple[Request, ...]:
    return tuple(of(f"{CIFAR10}-{name}") for name in names)


FACTORS = Step(
    number=7,
    name="factors",
    title="What makes the difference",
    claim="Architecture and adversarial training matter, and one image proves neither.",
    text="Each of the paper's factors, with one photograph for each network, which illustrates. "
    "The lesson's page adds what the reproduction measured over several photographs, with 95 % "
    "intervals, and says where it can't tell or measured nothing.",
    controls=(FACTOR,),
    cases={
        ("architecture",): _cifar("resnet-adv1", "vgg-adv1", "densenet-adv1", "inception-adv1"),
        ("training",): (of(STANDARD), of(ROBUST), of(CONTRASTIVE)),
        ("augmentation",): _cifar("resnet-adv1", "resnet-adv1-noaug"),
    },
    tasks=(
        Task("Order the images by how well you recognise the sunflower."),
        Task("Do so for each factor.", ("factor",)),
        Task(
            "Then compare with what was measured, where it was: does it agree with this one "
            "photograph?"
        ),
    ),
    question=Question(
        "Adversarial training, skip connections, and SimCLR instead of labels, on Imagenette: for "
        "how many of the three does the reproduction find that they make images more like their "
        "targets?",
        ("None of the three", "One of the three", "Two of the three", "All three"),
        (),
        _how_many_hold,
        _intervals,
    ),
    formulae=(
        (
            r"\Delta = (A_1 - W_1) - (A_2 - W_2)",
            "An effect: the alignment A of two networks, each less the share W of wrong targets; "
            "the interval is that of a bootstrap over photographs.",
        ),
    ),
    notes=(
        "The networks are small and were trained by this project, so that only the order can be "
        "compared with the paper's figures, which are given with the images of CIFAR-10. Each "
        "effect names its own data set.",
        "Intervals are over photographs. Another training of the same network may differ, too.",
        "To end: open Compare with the class's own question, or vote on the page Class.",
    ),
    minutes=6,
)

STEPS = (WHAT, STANDARD_NETWORK, ROBUST_NETWORK, LADDER, LOSS, MEASURING, FACTORS)


def every_request() -> list[Request]:
    """Everything that the lesson shows, each once, in the order of the steps."""
    shown = [request for step in STEPS for case in step.cases.values() for request in case]
    more = [*rungs("cat"), *rungs("coffee"), *by_loss("standard"), *by_loss("adversarial")]
    return list({request.key: request for request in [*shown, *more]}.values())
