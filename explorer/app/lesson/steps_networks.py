"""Steps 1 to 3: what an IRI is, and what two networks keep of a photograph."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.app.lesson.records import Control, Question, Step, Task
from explorer.app.lesson.results import CIFAR10, DRAWN_ROBUST, DRAWN_STANDARD, ROBUST, STANDARD
from explorer.app.lesson.results import shipped as of
from explorer.result import Result

_SURE = 0.1
"""Probabilities that differ by less are about the same."""

START = Control(
    "start",
    "Seed",
    "The image that the search starts from.",
    {"light-noise": "Faint noise", "grey-noise": "Grey noise", "cat": "A photograph of a cat"},
)
DATA = Control(
    "data",
    "The networks learned from",
    "The pictures that the networks were trained on. The search is the same for all.",
    {"photographs": "Photographs", "cifar10": "CIFAR-10", "drawn": "Drawn pictures"},
)
_DRAWN = {"target": "astronaut", "seed": "grey-noise"}


def _many_times(results: Sequence[Result]) -> int:
    (result,) = results
    null, distance = result.null.relative_l2, result.match.relative_l2 or 0.0
    if distance >= null.quantiles["q50"]:
        return 0
    return 1 if distance >= null.min else 2


def _pairs(results: Sequence[Result]) -> str:
    (result,) = results
    null, distance = result.null.relative_l2, result.match.relative_l2 or 1.0
    return (
        f"The nearest of {null.n:,} pairs of unrelated photographs is {null.min:.2f} apart, "
        f"{null.min / distance:.0f} times as far as the IRI from its target."
    )


def _class_of_noise(results: Sequence[Result]) -> int:
    target, iri = results[0].match.target_top[0], results[0].match.iri_top[0]
    if target.name != iri.name:
        return 2
    return 0 if abs(target.probability - iri.probability) < _SURE else 1


def _classes(results: Sequence[Result]) -> str:
    target, iri = results[0].match.target_top[0], results[0].match.iri_top[0]
    return (
        f"“{iri.name}”, {iri.probability:.0%}. It knows ten classes, and a sunflower is none of "
        f"them, so it calls the photograph “{target.name}” ({target.probability:.0%}): wrong, and "
        "wrong in the same way for the noise."
    )


def _which_match(results: Sequence[Result]) -> int:
    standard, robust = (result.matched for result in results)
    return {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[
        (standard, robust)
    ]


def _distances(results: Sequence[Result]) -> str:
    standard, robust = (result.match.relative_l2 or 0.0 for result in results)
    return (
        f"Both are, at relative distances of {standard:.3f} and {robust:.3f}. Only to you do they "
        "differ: that is why the second question is asked."
    )


WHAT = Step(
    number=1,
    name="what",
    title="What an IRI is",
    claim="Two images can be the same to a network without being the same image.",
    text="A network turns an image into numbers, layer by layer. A search starts from a *seed* "
    "image and changes its pixels until the numbers at one layer are nearly those of the *target*. "
    "The result is an **IRI**, an identically represented input, also called a model metamer.",
    controls=(START,),
    cases={("light-noise",): (of(ROBUST),), ("cat",): (of(ROBUST, seed="cat"),)},
    tasks=(
        Task(
            "Move the slider below the images back to the first one, and forward again: watch the "
            "relative distance fall."
        ),
        Task("Then start from the photograph of the cat. Is the cat gone?", ("start",)),
    ),
    question=Question(
        "The relative distance of this IRI from its target is about 0.02. How many pairs of "
        "unrelated photographs are as near to each other, to this network?",
        ("About half of them", "A few of them", "None of them"),
        (of(ROBUST),),
        _many_times,
        _pairs,
    ),
    formulae=(
        (
            r"d(x, t) = \frac{\lVert g(x) - g(t) \rVert_2}{\lVert g(t) \rVert_2}",
            "The relative distance: g gives the numbers at the layer, x is an image, t the target.",
        ),
        (
            r"x^\ast = \arg\min_x \lVert x - s \rVert_2"
            r"\quad\text{subject to}\quad d(x, t) \le \text{goal}",
            "Many images match. Shown is the one nearest to its seed s, as far as it was found.",
        ),
    ),
    notes=(
        "Begin without a word about networks: show the seed and the target, and ask what a network "
        "would have to do to call them the same.",
        "The search changes pixels, never the network. Whoever has used gradient descent to train "
        "one knows the method; here the weights are fixed and the image is what is learned.",
        "A frequent question: is this an adversarial example? It is the opposite. There a change "
        "that people hardly see alters the answer; here the image may look like anything, and the "
        "numbers at the layer stay the same.",
    ),
)

STANDARD_NETWORK = Step(
    number=2,
    name="standard",
    title="The usual network sees the photograph in noise",
    claim="To a network with standard training, noise can be the photograph.",
    text="This network was trained in the usual way, to name what is in a picture. To it, the IRI "
    "is nearer to the target than unrelated photographs ever are to each other, and it gives both "
    "the same class. To you it is still what it started from.",
    controls=(DATA, START),
    cases={
        ("photographs", "light-noise"): (of(STANDARD),),
        ("photographs", "cat"): (of(STANDARD, seed="cat"),),
        ("cifar10", "light-noise"): (of(f"{CIFAR10}-resnet-standard"),),
        ("drawn", "grey-noise"): (of(DRAWN_STANDARD, **_DRAWN),),
    },
    tasks=(
        Task("Compare the IRI with its target by blinking."),
        Task(
            "Then start from the cat: to the network it is the sunflower now. What would you call "
            "it?",
            ("start",),
        ),
    ),
    question=Question(
        "The network that learned from photographs calls the sunflower “golf ball”. What does it "
        "call the noise?",
        ("Golf ball, about as surely", "Golf ball, but less surely", "Something else"),
        (of(STANDARD),),
        _class_of_noise,
        _classes,
    ),
    formulae=(
        (
            r"\operatorname{arg\,max}_c f_c(x^\ast) = \operatorname{arg\,max}_c f_c(t)",
            "Part of the test of success: the network predicts one class for both images.",
        ),
        (
            r"d(x^\ast, t) < \min_{(a, b)\ \text{unrelated}} d(a, b)",
            "A match is more alike than every pair of unrelated images, by three such measures.",
        ),
    ),
    notes=(
        "Let the class guess before the image is shown: will it look like the sunflower?",
        "The network is not broken. On photographs of its ten classes it is right more often than "
        "the adversarially trained one of step 3; it uses what people do not look at.",
        "Nothing follows from a failed search, so point at the first verdict first: *converged* is "
        "at the goal, *matched* is short of it, yet nearer than all unrelated pairs.",
    ),
)

ROBUST_NETWORK = Step(
    number=3,
    name="pair",
    title="The adversarially trained one does not",
    claim="To match an adversarially trained network, the image must show the target.",
    text="The two networks have the same layers and learned from the same pictures. The second "
    "saw each of them changed a little, in the way that raised its loss most. Seed, target "
    "and search are the same, too.",
    controls=(DATA, START),
    cases={
        ("photographs", "light-noise"): (of(STANDARD), of(ROBUST)),
        ("photographs", "cat"): (of(STANDARD, seed="cat"), of(ROBUST, seed="cat")),
        ("cifar10", "light-noise"): (
            of(f"{CIFAR10}-resnet-standard"),
            of(f"{CIFAR10}-resnet-adv1"),
        ),
        ("drawn", "grey-noise"): (of(DRAWN_STANDARD, **_DRAWN), of(DRAWN_ROBUST, **_DRAWN)),
    },
    tasks=(
        Task("Compare how far each image had to move from its seed."),
        Task("Then change what the networks learned from. Does the difference stay?", ("data",)),
    ),
    question=Question(
        "Which of the two images is the same as its target to its own network?",
        (
            "Only that of standard training",
            "Only that of adversarial training",
            "Both",
            "Neither",
        ),
        (of(STANDARD), of(ROBUST)),
        _which_match,
        _distances,
    ),
    formulae=(
        (
            r"\min_\theta\ \mathbb{E}_{(x, y)}\ \max_{\lVert \delta \rVert_2 \le \varepsilon}"
            r"\ L\bigl(f_\theta(x + \delta),\, y\bigr)",
            "Adversarial training: each picture is changed by a small δ that raises the loss most.",
        ),
    ),
    notes=(
        "Ask for hands before revealing: which of the two networks would you trust in a car?",
        "Why it helps: a network that must not change its answer for small changes can't rely on "
        "faint patterns, so that matching it takes large changes, which people see.",
        "One pair of images is an illustration. Step 7 has figures over several photographs.",
    ),
    minutes=5,
)
