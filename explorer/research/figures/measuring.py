"""Where the seconds of a result go: `python -m explorer.research.figures.measuring MODEL LAYER`.

A fresh process with an empty store makes one result and then another one of the same layer, and
says for each stage how many seconds of the processor it took and how many passed. On a busy machine
the first is what to compare. Stages of less than a hundredth of a second are left out.
"""

from __future__ import annotations

import argparse
import resource
import time

from explorer.validation import parse_request

STEPS, GOAL = 40, 0.0


def processor_seconds() -> float:
    """Of all threads of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Stages:
    """A progress callback that prints how long each stage took."""

    def __init__(self, first: str) -> None:
        self._name = first
        self._started = processor_seconds(), time.perf_counter()

    def stage(self, text: str) -> None:
        """End the stage before, and begin this one."""
        now = processor_seconds(), time.perf_counter()
        processor, clock = (
            after - before for after, before in zip(now, self._started, strict=True)
        )
        if clock > 0.01:
            print(f"| {self._name} | {processor:.2f} | {clock:.2f} |", flush=True)
        self._name, self._started = text, now

    def made(self, images: object, looks: object) -> None:
        """What has to be waited for until the image is shown with its match ends here."""
        self.stage("after the image and its match are shown")

    def cancelled(self) -> bool:
        return False

    def due(self) -> bool:
        return False

    def report(self, step: int, relative_l2: object, images: object) -> None: ...


class Memory(dict[str, bytes]):
    """A store in memory."""

    def put(self, key: str, data: bytes) -> None:
        self[key] = data


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("layer")
    parser.add_argument("--arch", dest="architecture")
    parser.add_argument("--size", type=int)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = vars(parser.parse_args())
    print("| stage | processor s | s |\n|---|---|---|")
    stages, store = Stages("importing torch and this program"), Memory()
    from explorer.analysis.generation import generate

    given = {name: value for name, value in options.items() if value is not None}
    for rng_seed in (0, 1):
        request, pictures = parse_request(
            **given, target="cat", seed="noise", goal=GOAL, rng_seed=rng_seed
        )
        result = generate(request, pictures, stages, store)
        stages.stage("between results")
        took = result.provenance
        print(f"| *making, measuring in all* | | {took.seconds_making}, {took.seconds_measuring} |")


if __name__ == "__main__":
    main()
