"""Steps 4 to 6: what a conclusion depends on: the layer, the loss, the measure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from explorer.app.lesson.records import Control, Question, Step, Task
from explorer.app.lesson.results import IMAGENET, ROBUST, STANDARD
from explorer.app.lesson.results import shipped as of
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.request import Request
from explorer.result import Result

LAYERS = {
    "features.3": "First block (`features.3`)",
    "features.7": "Fourth block (`features.7`)",
    "features.12": "Last block (`features.12`)",
}
LOSSES = {
    "regularizer-free": "The match alone",
    "freq": "And a smooth image",
    "adversarial": "And away from the target",
}
NETWORKS = {"standard": "Standard training", "adversarial": "Adversarial training"}
_REFERENCES = {"standard": STANDARD, "adversarial": ROBUST}
ASKED_ABOUT = "haarpsi"
"""The measure whose answer about wrong targets step 6 asks for."""
MEASURES = ("haarpsi", "ssim", "psnr", "structure", "edge-directions", "detail-map")
IMAGES = {
    "standard": "Standard training",
    "standard-freq": "The same, smooth",
    "adversarial": "Adversarial training",
    "adversarial-pushed": "The same, pushed away",
}
_IMAGES = {
    "standard": of(STANDARD),
    "standard-freq": of(STANDARD, loss="freq"),
    "adversarial": of(ROBUST),
    "adversarial-pushed": of(ROBUST, loss="adversarial"),
}

_FAR = 2
"""So many times a goal is far from it."""

PHOTO = Control("photo", "Target", "The photograph to match.", {"cat": "Cat", "coffee": "Cup"})
RUNG = Control("rung", "Layer", "The layer at which the image matches its target.", LAYERS)
NETWORK = Control("network", "Network", "Both learned from photographs.", NETWORKS)
ASKED = Control("asked", "The loss asks for", "What is made small during the search.", LOSSES)
IMAGE = Control("image", "Image", "The IRI that the measures are asked about.", IMAGES)
MEASURE = Control(
    "measure",
    "Measure",
    "The one that is explained below the images.",
    {name: PERCEPTUAL_MEASURES[name].title for name in MEASURES},
)


def rungs(photo: str) -> tuple[Request, ...]:
    """The requests for one target along the layers, from the image on."""
    return tuple(of(IMAGENET, layer=layer, target=photo, seed="feather-noise") for layer in LAYERS)


def by_loss(network: str) -> tuple[Request, ...]:
    """The requests for one network with each loss."""
    return tuple(of(_REFERENCES[network], loss=loss) for loss in LOSSES)


def share(result: Result) -> float:
    """The share of kinds of measures that call an IRI nearer its target than its seed."""
    return result.person.nearer_target / max(1, result.person.counted)


def _at(result: Result, layer: str) -> float:
    """The relative distance of an IRI from its target at a layer, which may not be its own."""
    distance = next(each.values["relative_l2"] for each in result.layers if each.name == layer)
    return float("inf") if distance is None else distance


def _back_to_first(results: Sequence[Result]) -> int:
    """How the distance at the first block of the image for the last one compares with its goal."""
    first, last = results[0].request.layer, results[-1]
    times = _at(last, first) / last.request.goal
    return 0 if times <= 1 else 1 if times <= _FAR else 2


def _both_ways(results: Sequence[Result]) -> str:
    early, late = results[0], results[-1]
    first, last = early.request.layer, late.request.layer
    return (
        f"{_at(late, first):.2f} at the first block, {_at(late, last):.2f} at the last. The other "
        f"way round the match carries over: the image for the first block ({_at(early, first):.2f} "
        f"there) is at {_at(early, last):.2f} at the last. What a layer has dropped no later layer "
        "can bring back."
    )


def _most_aligned(results: Sequence[Result]) -> int:
    shares = [share(result) for result in results]
    return shares.index(max(shares))


def _shares(results: Sequence[Result]) -> str:
    said = [
        f"{title.lower()} {each.person.nearer_target} of {each.person.counted}"
        for title, each in zip(LOSSES.values(), results, strict=True)
    ]
    return (
        f"Kinds of measures that say nearer the target: {', '.join(said)}. The network is the same "
        "each time: the preference for smooth images is that of the loss."
    )


def _wrong_targets(results: Sequence[Result]) -> int:
    share_of_wrong = _haarpsi(results[0])
    return 0 if share_of_wrong == 0 else 2 if share_of_wrong == 1 else 1


def _haarpsi(result: Result) -> float:
    found = next(each for each in result.perceptual if each.measure == ASKED_ABOUT)
    return found.wrong_nearer or 0.0


def _why_silent(results: Sequence[Result]) -> str:
    return (
        f"It calls {_haarpsi(results[0]):.0%} of them nearer than the seed: anything at all is "
        "nearer than faint noise, so it has no vote here. A measure must first show that it can "
        "tell right from wrong targets."
    )


LADDER = Step(
    number=4,
    name="ladder",
    title="Early and late layers",
    claim="The deeper the layer, the less of the image has to stay.",
    text="SqueezeNet learned from a million photographs of ImageNet. The same target is matched at "
    "three of its layers, each time from the same grey noise, and each time with the image that "
    "moves least from it.",
    controls=(PHOTO, RUNG),
    cases={
        (photo, layer): (of(IMAGENET, layer=layer, target=photo, seed="feather-noise"),)
        for photo in PHOTO.titles
        for layer in LAYERS
    },
    tasks=(
        Task(
            "Go through the layers one by one. From which one on would you no longer have guessed "
            "the target?",
            ("rung",),
        ),
        Task("Change the target. Is your answer the same?", ("photo",)),
    ),
    question=Question(
        "The image that matches the cat at the last block is at a relative distance of 0.15 there. "
        "How far from the cat is it at the first block?",
        ("At most as far: 0.15", "Farther, up to twice as far", "More than twice as far"),
        rungs("cat"),
        _back_to_first,
        _both_ways,
    ),
    formulae=(
        (
            r"g_{l+1} = h_{l+1} \circ g_l \quad\Rightarrow\quad "
            r"g_l(x) = g_l(t)\ \text{implies}\ g_{l+1}(x) = g_{l+1}(t)",
            "What is the same at a layer is the same at all later ones; never the other way round.",
        ),
    ),
    notes=(
        "Feather et al. (2023) showed such ladders to people: early layers stay recognisable in "
        "every network, late ones in hardly any that was trained in the usual way.",
        "The goals differ from layer to layer (0.02, 0.1 and 0.15): the later the layer, the "
        "harder the search. So don't compare how far the images moved.",
        "Ask where the class would set the border before showing what the measures say.",
    ),
    minutes=5,
)

LOSS = Step(
    number=5,
    name="losses",
    title="The loss decides what you conclude",
    claim="The same network looks good or bad by the choice of the loss.",
    text="A loss that also asks for smooth images flatters a network: its IRIs look more natural. "
    "One that pushes the image away from the target damns it. Nanda et al. (2023) found that "
    "published conclusions depend on this choice.",
    controls=(NETWORK, ASKED),
    cases={
        (network, loss): (of(_REFERENCES[network], loss=loss),)
        for network in NETWORKS
        for loss in LOSSES
    },
    tasks=(
        Task("Change the loss. What happens to the image?", ("asked",)),
        Task(
            "Then change the network. Can one of the two be made to look as good as the other one?",
            ("network",),
        ),
    ),
    question=Question(
        "By which loss does the network with standard training look best to the measures?",
        tuple(LOSSES.values()),
        by_loss("standard"),
        _most_aligned,
        _shares,
    ),
    formulae=(
        (r"L = d(x, t)", "The match alone (regularizer-free)."),
        (
            r"L = 10\, d(x, t) + 5 \cdot 10^{-4}\, \mathrm{TV}(x)"
            r" + 5 \cdot 10^{-4}\, \tfrac{1}{2} \lVert x - \mathrm{blur}(x) \rVert^2"
            r" + 5 \cdot 10^{-5}\, \lVert x - \tfrac{1}{2} \rVert_1",
            "And a smooth image: total variation, blur and nearness to mid-grey.",
        ),
        (
            r"L = d(x, t) - \min(\lambda, \lambda_k)\, D(x, t)",
            "And away from the target by a perceptual distance D, as far as the match allows.",
        ),
    ),
    notes=(
        "This is the centre of the paper: before a network is called aligned with people, ask by "
        "which loss its images were made.",
        "The losses that ask for more than the match stop farther from it. Point at the distances: "
        "they are not at equal match, and the page says so.",
        "The adversarial loss contains a perceptual measure; measures related to it have no vote.",
    ),
    minutes=5,
)

MEASURING = Step(
    number=6,
    name="measures",
    title="Measures can be fooled, too",
    claim="A measure can call noise the photograph, so measures must be tested as well.",
    text="Perceptual measures stand in for people: is the IRI nearer its target than its seed? "
    "Each is also asked about five photographs that the image was not made for. One that calls "
    "those nearer, too, has not recognised anything.",
    controls=(IMAGE, MEASURE),
    cases={
        (image, measure): (_IMAGES[image],) for image, measure in product(_IMAGES, MEASURE.titles)
    },
    tasks=(
        Task("Say for yourself which image shows a sunflower.", ("image",)),
        Task("Then look for a measure that agrees with you about all four.", ("image", "measure")),
    ),
    question=Question(
        "HaarPSI calls the noise of the network with standard training nearer the target than the "
        "seed. What does it say of five wrong targets?",
        ("None of them is nearer", "Some of them are", "All of them are, too"),
        (of(STANDARD),),
        _wrong_targets,
        _why_silent,
    ),
    formulae=(
        (
            r"A = \frac{1}{N} \sum_{i=1}^{N} \bigl[ D(x_i, t_i) < D(x_i, s_i) \bigr]",
            "Alignment: the share of IRIs that a measure D calls nearer their target t than their "
            "seed s.",
        ),
        (
            r"W = \frac{1}{N} \sum_{i=1}^{N} \bigl[ D(x_i, u_i) \le D(x_i, s_i) \bigr]",
            "The control: the same for targets u that the IRI was not made for.",
        ),
    ),
    notes=(
        "People are the measure, the rest are stand-ins. If the class votes on the page Class, "
        "come back here with its answers.",
        "Hatched bars have no vote: measured on photographs hidden in such noise, they did not "
        "find enough of them, or called wrong ones nearer.",
        "LPIPS and DISTS are not shown unless whoever runs this app added their weights.",
    ),
)
