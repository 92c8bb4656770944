"""How many runs are under way at once, whose, and when what waits will start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explorer.jobs.queue import Entry, FairQueue
from explorer.jobs.turns import RUNS_AT_ONCE

MOST_FORESEEN = 300
"""Entries whose start is foreseen; those further back know only that they are."""


@dataclass
class Occupied:
    """A place that is taken. party: whose turn it was. seconds: what is left, on one worker."""

    party: str
    quick: bool
    question: bool
    seconds: float
    brief: bool = False


@dataclass(frozen=True)
class Places:
    """The places of all workers: RUNS_AT_ONCE each; two are kept for quick work, one of these for
    brief work, so that not even many visitors' quick work makes a moment's work wait.

    max_running: jobs that one party may have running; None is one for each worker, or two of which
    one is quick: more of its own would only make each take longer. Whoever runs the app (party "")
    always has as many.
    """

    workers: int = 1
    max_running: int | None = None

    def free_for(self, entry: Entry, party: str, taken: Sequence[Occupied]) -> bool:
        """Whether an entry may start now."""
        if len(taken) >= RUNS_AT_ONCE * self.workers:
            return False
        long = sum(not each.quick for each in taken)
        if not entry.quick and long >= (RUNS_AT_ONCE - 2) * self.workers:
            return False
        longer = sum(not each.brief for each in taken)
        if not entry.brief and longer >= (RUNS_AT_ONCE - 1) * self.workers:
            return False
        own = [each for each in taken if each.party == party and each.question == entry.question]
        if entry.question:
            return len(own) < self.workers
        if self.max_running is not None and party:
            return len(own) < self.max_running
        return sum(each.quick == entry.quick for each in own) < self.workers


@dataclass(frozen=True)
class Place:
    """Where an entry stands. ahead: how many start before it. seconds: until it starts."""

    ahead: int
    seconds: float


def foreseen(queue: FairQueue, taken: Sequence[Occupied], places: Places) -> dict[Entry, Place]:
    """When each entry is expected to start, if nothing is added; of the first MOST_FORESEEN.

    Runs of one worker are taken to share it evenly, as their time slices do.
    """
    queue = queue.copy()
    running = [replace(each) for each in taken]
    found: dict[Entry, Place] = {}
    now = 0.0

    def may_start(entry: Entry, party: str) -> bool:
        return places.free_for(entry, party, running)

    while len(queue) and len(found) < MOST_FORESEEN:
        entry = queue.pop(may_start)
        if entry is not None:
            found[entry] = Place(len(found), now)
            brief, quick, question = entry.kind
            running.append(Occupied(entry.party, quick, question, entry.seconds, brief))
            continue
        if not running:
            break
        pace = min(1.0, places.workers / len(running))
        passed = max(0.0, min(each.seconds for each in running))
        now += passed / pace
        for each in running:
            each.seconds -= passed
        running = [each for each in running if each.seconds > 0]
    return found
