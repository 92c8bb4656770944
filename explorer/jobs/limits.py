"""How much one party may have in line on an app that strangers use; see `explorer.hosting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.hosting import hosting
from explorer.jobs.queue import QueueFull, Refused
from explorer.jobs.tasks import Task

if TYPE_CHECKING:
    from explorer.jobs.dispatching import Dispatcher

MOST_IN_LINE = 200
"""Runs that may wait on a hosted app, all visitors together."""

MOST_QUESTIONS = 8
"""That one party may have in line on a hosted app."""

FULL = "The line is full: {waiting:,} jobs wait here already. Try again in a few minutes."


def check_line(dispatcher: Dispatcher, party: str, requests: int) -> None:
    """Raise QueueFull where a party may not ask for so many new requests now.

    Whoever runs the app (party "") may always.
    """
    limits, queue = hosting(), dispatcher.queue
    if not party:
        return
    if limits.max_requests is not None and requests > limits.max_requests:
        raise Refused(
            f"{requests:,} images at once are more than this app makes for one visitor; ask for at "
            f"most {limits.max_requests:,}."
        )
    if limits.max_waiting is not None:
        running = {
            work.submission
            for run in dispatcher.runs.values()
            for work in run.works
            if isinstance(work, Task) and work.party == party
        }
        own = queue.submissions(party) | running
        if len(own) >= limits.max_waiting + (limits.max_running or 1):
            raise QueueFull(
                f"You have {len(own):,} jobs under way, the most that one visitor can have here. "
                "Cancel one, or wait until one is done."
            )
    if limits.hosted and len(queue) >= MOST_IN_LINE:
        raise QueueFull(FULL.format(waiting=len(queue)))


def check_questions(dispatcher: Dispatcher, party: str) -> None:
    """Raise QueueFull where a party may not ask another question now."""
    if not party or not hosting().hosted:
        return
    if dispatcher.queue.questions(party) >= MOST_QUESTIONS:
        raise QueueFull("You have many questions waiting already; wait until one is answered.")
    if len(dispatcher.queue) >= MOST_IN_LINE:
        raise QueueFull(FULL.format(waiting=len(dispatcher.queue)))
