"""What else the network accepts: IRIs of the same target, as unlike each other as it allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from explorer.analysis.diverse import DEFAULT_COUNT, largest_mean, members
from explorer.app import asking, session, sharing
from explorer.app.components.live import nudge
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.links import link
from explorer.app.naming import literal, sentence
from explorer.errors import RequestError
from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.losses.differences import DIVERSE
from explorer.losses.variants import FREE, loss_of
from explorer.metrics.spread import Spread
from explorer.request import Request
from explorer.result import Result
from explorer.validation import why_not_nearest

_WANTED = "_diverse_wanted"


def show_diverse(result: Result) -> None:
    """The set that begins with this IRI, as far as it is there, and the button that makes it.

    Of a member of a set, that set. Nothing for IRIs from which none can begin. Each of them only
    where the visitor may see it: of a stranger's upload, those that are shared.
    """
    base = _base_of(result)
    if base is None or not sharing.may_be_seen(base):
        return
    try:
        requests = members(base, DEFAULT_COUNT)
    except RequestError:  # its network is not here any more
        return
    if result.request.key not in {each.key for each in requests}:
        return
    found = list(map(sharing.seen, requests))
    if not any(found[1:]) and not sharing.may_be_generated(base):
        return
    st.subheader("What else does the network accept?")
    complete = all(each is not None for each in found)
    if complete or not (_wanted(base) or any(found[1:])):
        _show(requests, result)
    else:
        st.fragment(_fill)(requests, result)


def _base_of(result: Result) -> Request | None:
    """The request with which the set of this result begins."""
    request = result.request
    if request.loss == DIVERSE:
        earlier = map(session.engine().result, request.away_from or ())
        first = [each.request for each in earlier if each is not None]
        return next((each for each in first if each.loss == FREE), None)
    try:
        link(request)
    except ValueError:  # then its page could not open the others
        return None
    may_begin = request.loss == FREE and not why_not_nearest(request, loss_of(request))
    return request if may_begin and request.continues is None else None


def _wanted(base: Request) -> bool:
    return base.key in st.session_state.setdefault(_WANTED, set())


def _want(base: Request, wanted: bool) -> None:
    keys: set[str] = st.session_state.setdefault(_WANTED, set())
    (keys.add if wanted else keys.discard)(base.key)


def _fill(requests: Sequence[Request], result: Result) -> None:
    """Submit the first that is missing once those before it are there, and show them all."""
    engine, base = session.engine(), requests[0]
    missing = next((each for each in requests if sharing.seen(each) is None), None)
    if missing is None:
        _want(base, False)
        st.rerun()
    job = engine.job(missing.key) if sharing.may_be_seen(missing) else None
    if _wanted(base):
        if job is not None and job.state in (states.FAILED, states.CANCELLED):
            _want(base, False)
            st.rerun()
        if job is None or job.finished:
            if not asking.submit(missing):
                _want(base, False)
            job = engine.job(missing.key)
    asking.show_refusal()
    _show(requests, result, job)
    if job is not None and _wanted(base):
        nudge([job.key], "diverse")


def _show(requests: Sequence[Request], result: Result, job: Job | None = None) -> None:
    base = requests[0]
    found = {each.key: sharing.seen(each) for each in requests}
    there = [each for each in found.values() if each is not None]
    begun = len(there) > 1 or job is not None
    if begun:
        now = next((each.key for each in requests if found[each.key] is None), None)
        show_pictures(
            [
                _picture(number, found[each.key], job if each.key == now else None, each, result)
                for number, each in enumerate(requests)
            ],
            key="diverse_pictures",
        )
    if job is not None and job.state == states.FAILED:
        st.error(
            f"Generation failed. {literal(sentence(job.error or 'the reason is not known'))}",
            icon=":material/error:",
        )
    st.markdown(_said(there, len(requests)))
    with st.container(horizontal=True):
        if begun:
            for number, each in enumerate(requests):
                if found[each.key] is not None and each.key != result.request.key:
                    _open(number, each)
        if len(there) < len(requests) and sharing.may_be_generated(base):
            _buttons(base, job, begun)


def _picture(
    number: int, found: Result | None, job: Job | None, request: Request, shown: Result
) -> Picture:
    title = f"Image {number + 1}"
    if request.key == shown.request.key:
        title += ", this IRI"
    if found is not None:
        made = found.difference
        caption = str(found.state)
        if made is not None and made.away_from:
            caption += f", {min(distance for _, distance in made.away_from):.2f} away"
        return Picture(found.iri_png, title, caption, f"{title} of the diverse set", "frame")
    running = job is not None and not job.finished
    caption = f"step {job.step:,}" if job is not None and running and job.step else "waiting"
    preview = job.preview if job is not None and running else None
    text = caption if running else "not generated yet"
    return Picture(preview, title, text, f"{title} of the diverse set, {text}", "frame")


def _said(there: Sequence[Result], count: int) -> str:
    if len(there) < 2:
        return (
            "Other images are the same to the network, too. These are made as unlike each other as "
            "it allows: they show how much it ignores, not whether they look like the target."
        )
    spread = Spread.of([each.iri for each in there])
    within = sum(each.converged for each in there)
    goal = "All are" if within == len(there) else f"{within} of {len(there)} are"
    return (
        f"{goal} within the goal. Pairs are **{spread.mean:.2f}** apart on average, the nearest "
        f"{spread.least:.2f} (root mean square, pixels from 0 to 1); no "
        f"{len(there)} images at all can be more than {largest_mean(len(there)):.2f} apart on "
        "average. What differs, the network ignores; there may be images that differ more."
        + ("" if len(there) == count else f" {len(there)} of {count} so far.")
    )


def _open(number: int, request: Request) -> None:
    try:
        parameters = link(request)
    except (ValueError, RequestError):  # the sidebar cannot ask for it
        return
    _button(
        f"Open image {number + 1}",
        key=f"diverse_open_{number}",
        type="tertiary",
        icon=":material/open_in_full:",
        on_click=st.query_params.from_dict,
        args=(parameters,),
    )


def _buttons(base: Request, job: Job | None, begun: bool) -> None:
    if _wanted(base):
        _button(
            "Cancel",
            key="diverse_cancel",
            icon=":material/stop:",
            on_click=_cancel,
            args=(base, None if job is None else job.key),
        )
        return
    _button(
        "Generate the others" if begun else f"Generate {DEFAULT_COUNT - 1} that differ most",
        key="diverse_generate",
        icon=":material/scatter_plot:",
        on_click=_want,
        args=(base, True),
        help="One after the other, each as far as possible from those before it, within the goal. "
        "Each takes about as long as this one did.",
    )


def _cancel(base: Request, key: str | None) -> None:
    _want(base, False)
    if key is not None:
        session.engine().cancel(key, session.browser())


def _button(label: str, **more: Any) -> None:
    """A button that runs the whole page again, also where it stands in a fragment."""
    if st.button(label, **more):
        st.rerun()
