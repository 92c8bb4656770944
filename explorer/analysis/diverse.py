"""A diverse set: IRIs of one target, each as unlike the earlier ones as the network allows.

One after the other, each moved to where the product of its distances from the earlier ones is
largest (Leja's greedy points), so that any set can be made larger. A lower bound of what the
network ignores, twice over: greedy, and a local maximum each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from explorer.analysis.arguments import as_search
from explorer.analysis.continuation import pictures_with
from explorer.analysis.runner import InProcess, Runner
from explorer.analysis.variation import random_seeds
from explorer.errors import RequestError
from explorer.images import seeds
from explorer.images.encoding import from_8bit, from_png
from explorer.losses.differences import DIVERSE
from explorer.losses.variants import FREE
from explorer.metrics.spread import Spread
from explorer.request import MOST_AWAY_FROM, Request
from explorer.validation import validate

if TYPE_CHECKING:
    from explorer.result import Result

SET_RANGE = (2, MOST_AWAY_FROM + 1)
DEFAULT_COUNT = 4


@dataclass(frozen=True)
class DiverseSet:
    """A diverse set and what it is compared with.

    results: the set, in the order in which it was made; the first is the ordinary IRI. from_seeds:
    IRIs of the same request from as many random seeds, each nearest to its seed; empty where the
    seed image is not random, or it was not asked for.
    """

    results: tuple[Result, ...]
    from_seeds: tuple[Result, ...] = ()

    @property
    def spread(self) -> Spread:
        """How unlike each other the images of the set are."""
        return Spread.of([result.iri for result in self.results])

    @property
    def spread_from_seeds(self) -> Spread | None:
        """The same of the IRIs from random seeds."""
        return Spread.of([each.iri for each in self.from_seeds]) if self.from_seeds else None

    @property
    def spread_of_seeds(self) -> Spread | None:
        """The same of these seeds themselves, rounded to 8 bits."""
        pngs = [each.seed_png for each in self.from_seeds]
        return Spread.of([from_8bit(from_png(png)) for png in pngs]) if pngs else None

    @property
    def largest(self) -> float:
        """The largest mean distance of so many images of values in [0, 1], whatever they show."""
        return largest_mean(len(self.results))

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, for `iri diverse --json`."""
        seeds_iris, of_seeds = self.spread_from_seeds, self.spread_of_seeds
        return {
            "spread": self.spread.to_dict(),
            "spread_from_seeds": None if seeds_iris is None else seeds_iris.to_dict(),
            "spread_of_seeds": None if of_seeds is None else of_seeds.to_dict(),
            "largest_mean": self.largest,
            "within_goal": sum(result.converged for result in self.results),
            "results": [result.to_json() for result in self.results],
        }


def diverse_set(
    request: Request,
    count: int = DEFAULT_COUNT,
    pictures: Mapping[str, bytes] | None = None,
    runner: Runner | None = None,
    *,
    compare: bool = True,
) -> DiverseSet:
    """The IRI of a request and `count` − 1 others of its target, as unlike each other as allowed.

    request: of the match alone, up to a goal; a network's reference stands for its defaults. count:
    within SET_RANGE. pictures: PNG bytes of every `picture:SHA256` that it names. compare: make the
    IRIs from random seeds, too. Raises RequestError and what `explorer.generate` raises.

        found = diverse_set(Request(model="embedded:imagenette-residual-adv1", target="cat"))
        print(found.spread.mean, found.spread_from_seeds.mean)
    """
    request, runner, pictures = validate(as_search(request)), runner or InProcess(), pictures or {}
    low, high = SET_RANGE
    if not low <= count <= high:
        raise RequestError("count", f"{count} is not a number of images from {low} to {high}")
    if request.loss != FREE:
        raise RequestError("loss", f"a diverse set begins with an IRI of {FREE!r}; leave it out")
    results: list[Result] = []
    for member in members(request, count):
        results += runner.generate([member], pictures_with(results, pictures), 1)
    from_seeds: list[Result] = []
    if compare and _is_drawn(request.seed):
        others = [
            replace(request, rng_seed=each) for each in random_seeds(request.rng_seed, count)[1:]
        ]
        from_seeds = [results[0], *runner.generate(others, pictures, len(others))]
    return DiverseSet(tuple(results), tuple(from_seeds))


def members(request: Request, count: int) -> list[Request]:
    """The requests of a diverse set, the ordinary one first: their keys follow from it alone.

    Each can be made once those before it are. Raises RequestError as `diverse_set`.
    """
    requests = [validate(request)]
    for number in range(1, count):
        member = replace(
            request,
            loss=DIVERSE,
            away_from=tuple(each.key for each in requests),
            rng_seed=random_seeds(request.rng_seed, number + 1)[-1],
            nearest=None,
        )
        requests.append(validate(member))
    return requests


def largest_mean(count: int) -> float:
    """The largest root of the mean squared distance of the pairs of `count` images in [0, 1].

    Half of them white where the others are black, at every pixel: of the pairs, ⌊n/2⌋·⌈n/2⌉ differ.
    """
    return (2 * (count // 2) * -(-count // 2) / (count * (count - 1))) ** 0.5


def _is_drawn(seed: str) -> bool:
    return seed in seeds.kinds() and (seed.endswith("noise") or seed == "uniform")
