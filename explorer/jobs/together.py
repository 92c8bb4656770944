"""Which waiting tasks join a run that starts: compatible ones, where that is quicker for all.

A batch shares what a step costs besides arithmetic. On a GPU, one image leaves most of it idle. On
a CPU it depends on the size: four 64×64 images take 1.4 to 1.7 times as long as one after the other
divided by their joint run (1.07 and 2.27 s alone, 3.2 and 5.3 s as four), so that none of them is
done later than the average of four in a row, and the line is shorter; larger images gain nothing.
Long work does not wait for others' there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from explorer.errors import RequestError
from explorer.jobs.queue import Entry
from explorer.jobs.tasks import Task, batch_key
from explorer.jobs.worker_processes import visible_gpus
from explorer.models import catalogue
from explorer.request import Request

MOST_ON_GPU = 16
MOST_SMALL_ON_CPU = 4
SMALL_PIXELS = 96 * 96


def joining(task: Task, waiting: Iterable[Entry]) -> list[Task]:
    """The waiting tasks that are to run together with one that starts now."""
    room = most_together(task.requests[0]) - len(task.requests)
    if task.alone or room <= 0:
        return []
    own = batch_key(task.requests[0])
    joined: list[Task] = []
    for other in waiting:
        if not isinstance(other, Task) or other.alone or other.party == task.party:
            continue  # who asks for several chooses what is a batch
        if not _has_gpu() and not (task.quick and other.quick):
            continue
        if len(other.requests) <= room and batch_key(other.requests[0]) == own:
            joined.append(other)
            room -= len(other.requests)
    return joined


def most_together(request: Request) -> int:
    """How many requests of different submissions run as one batch here."""
    if _has_gpu():
        return MOST_ON_GPU
    try:
        height, width = catalogue.input_size_or_default(request.network)
    except RequestError:  # the worker says what is wrong
        return 1
    return MOST_SMALL_ON_CPU if height * width <= SMALL_PIXELS else 1


@cache
def _has_gpu() -> bool:
    return bool(visible_gpus())
