"""Asking the engine on behalf of this visitor: what the queue has no room for is said, not lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import ParamSpec, TypeVar

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, sentence
from explorer.jobs import job as states
from explorer.jobs.calls import Call
from explorer.jobs.queue import QueueFull
from explorer.jobs.tasks import Failure
from explorer.live.wording import status
from explorer.request import Request

_REFUSED = "_queue_full"
_SETTLE_SECONDS = 2.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


def submit(requests: Request | list[Request]) -> bool:
    """Have these made; False where the queue has no room for them, as `show_refusal` then says."""
    try:
        session.engine().submit(
            requests,
            session.uploads(),
            subscriber=session.browser(),  # so that it can be cancelled after a reload, too
            party=session.browser(),
            abandonable=True,
        )
    except QueueFull as error:
        st.session_state[_REFUSED] = str(error)
        return False
    wanted = [requests] if isinstance(requests, Request) else requests
    session.requested().update(request.key for request in wanted)
    return True


def show_refusal() -> None:
    """Why the last submission was not taken, once; nothing where it was."""
    if refused := st.session_state.pop(_REFUSED, None):
        st.warning(literal(sentence(refused)), icon=":material/hourglass_top:")


def ask(function: Callable[_P, _T | Failure], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
    """The future answer of the worker to a question; where the queue is full it holds QueueFull."""
    engine = session.engine()
    try:
        return engine.call(
            function,
            *args,
            subscriber=session.visitor(),
            party=session.browser(),
            abandonable=True,
            **kwargs,
        )
    except QueueFull as error:
        refused: Future[_T] = Future()
        refused.set_exception(error)
        return refused


def keys_of(*answers: Future[_T]) -> list[str]:
    """The keys of the jobs that these answers wait for."""
    return [each.key for each in answers if isinstance(each, Call)]


def has_come(answer: Future[_T]) -> bool:
    """Whether an answer, or that there is none, has come."""
    jobs = [session.engine().job(key) for key in keys_of(answer)]
    if any(job is None or job.finished for job in jobs):
        wait([answer], timeout=_SETTLE_SECONDS)  # a job ends a moment before its answer is there
    return answer.done()


def place(answer: Future[_T]) -> str:
    """Where the question of an answer stands in the queue, as Markdown; "" once it is asked."""
    jobs = [session.engine().job(key) for key in keys_of(answer)]
    waiting = [job for job in jobs if job is not None and job.state == states.WAITING]
    return "".join(f" {literal(status(job))}" for job in waiting if job.ahead)
