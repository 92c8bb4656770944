"""The images of a comparison: finished ones at once, the others while they are being made.

The browser is told when something has changed and has the images drawn anew, no oftener than every
two seconds; one message for all images, none once all have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from textwrap import shorten
from typing import NoReturn

import streamlit as st

from explorer.analysis.compared import Compared
from explorer.analysis.variation import Cell
from explorer.app import session, url_state
from explorer.app.components.live import nudge
from explorer.app.components.tiles import Badge, Tile, TileGroup, opened, show_tiles
from explorer.app.known_input import input_or_guess
from explorer.app.links import link
from explorer.app.naming import capitalised, literal, number, picture_title, sentence
from explorer.app.pages import PAGES
from explorer.app.panels import layer_picker
from explorer.app.panels.compare_cells import Shown, cancel, known
from explorer.app.panels.compare_settings import View
from explorer.app.panels.pending_view import seed_as_fitted, target_as_fitted
from explorer.app.panels.verdicts import answer_title, state_title
from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.metrics.match import MatchState
from explorer.request import Request

_MOST_CHARACTERS = 150
_TONES = {
    MatchState.CONVERGED: "good",
    MatchState.MATCHED: "middling",
    MatchState.NOT_MATCHED: "bad",
}
_ANSWER_TONES = {"yes": "good", "undecided": "middling", "no": "bad", "not measured": "none"}


def show(view: View, shown: Sequence[Shown], groups: Callable[[Cell], str]) -> None:
    """The images in their groups; groups: from a cell to the heading it stands under."""
    st.fragment(_draw)(view, groups, any(each.is_running for each in shown))


def _draw(view: View, groups: Callable[[Cell], str], watching: bool) -> None:
    shown = known(view.cells or ())
    running = [each for each in shown if each.is_running]
    if watching and not running:
        _run_page_again(shown)
    key = opened()
    if key is not None:
        _open(shown, key)
    if running:
        _status(shown, running)
    companions = _companions(shown)
    tiles: dict[str, list[Tile]] = _same_for_all(shown, companions, groups)
    for each in shown:
        heading = groups(each.cell)
        tiles.setdefault(heading, []).append(_tile(view, each, heading, companions))
    show_tiles(
        [TileGroup(title, tuple(some)) for title, some in tiles.items()],
        thumbnails=bool(running),
        key="compare_tiles",
    )
    nudge([each.job.key for each in running if each.job is not None], "compare")


def _run_page_again(shown: Sequence[Shown]) -> NoReturn:
    """Have the table and the plots follow; a browser may not have drawn the sidebar yet."""
    keys = {each.cell.request.key for each in shown if each.cell.request is not None}
    if keys & session.requested():
        st.rerun()
    url_state.rerun()


def _open(shown: Sequence[Shown], key: str) -> None:
    """Go to Explore with the request of this key."""
    for each in shown:
        parameters = _parameters(each.cell.request)
        if parameters is not None and each.cell.request and each.cell.request.key == key:
            st.switch_page(str(PAGES["explore"].script), query_params=parameters)


def open_in_explore(shown: Sequence[Shown], key: str | None) -> None:
    """As a click on the image of this key; None does nothing."""
    if key is not None:
        _open(shown, key)


def _status(shown: Sequence[Shown], running: Sequence[Shown]) -> None:
    wanted = [each for each in shown if each.cell.request is not None]
    done = len(wanted) - len(running)
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    with bar:
        share = (done + sum(_progress(each.job) for each in running)) / len(wanted)
        at_work = [each for each in running if each.job and each.job.state == states.RUNNING]
        stage = at_work[0].job.stage if at_work and at_work[0].job else "waiting for its turn"
        if not at_work and running[0].job and running[0].job.ahead:
            ahead = running[0].job.ahead
            stage = f"{ahead} {'job' if ahead == 1 else 'jobs'} ahead"
        st.progress(min(1.0, share), text=f"{done} of {len(wanted)} done · {literal(stage)} …")
    who = session.browser()
    own = [each for each in running if each.job and who in each.job.subscribers]
    if not own:
        st.caption("They were asked for elsewhere, and can be cancelled only there.")
        return
    with button:
        st.button(
            "Cancel",
            key="cancel_all",
            icon=":material/stop:",
            width="stretch",
            on_click=cancel,
            args=(own,),
        )


def _progress(job: Job | None) -> float:
    """How far a job is, in [0, 1]; measuring is the last tenth."""
    if job is None or job.state != states.RUNNING:
        return 0.0
    if job.look is not None:
        return 0.9
    return 0.9 * job.step / max(1, job.steps)


def _parameters(request: Request | None) -> dict[str, str] | None:
    """The URL parameters of Explore for it; None where the sidebar cannot ask for it."""
    try:
        return None if request is None else link(request)
    except ValueError:
        return None


def _companions(shown: Sequence[Shown]) -> tuple[str, ...]:
    """Which of `seed` and `target` differ between the images, and so stand under each."""
    requests = [each.cell.request for each in shown if each.cell.request is not None]
    pairs: dict[str, set[object]] = {
        "seed": {(r.seed, r.rng_seed) for r in requests},
        "target": {r.target for r in requests},
    }
    return tuple(name for name, values in pairs.items() if len(values) > 1)


def _same_for_all(
    shown: Sequence[Shown], companions: Sequence[str], groups: Callable[[Cell], str]
) -> dict[str, list[Tile]]:
    """Seed and target where all images share them: first of all, in a group of their own."""
    request = next((each.cell.request for each in shown if each.cell.request is not None), None)
    if request is None:
        return {}
    titles = {
        "seed": ("Seed", picture_title(request.seed)),
        "target": ("Target", picture_title(request.target)),
    }
    tiles = [
        Tile(name, title, f"{title}: {note}", companion(request, name), note=note)
        for name, (title, note) in titles.items()
        if name not in companions
    ]
    alone = any(groups(each.cell) for each in shown)
    return {"The same for all" if alone else "": tiles} if tiles else {}


def _tile(view: View, each: Shown, heading: str, companions: Sequence[str]) -> Tile:
    cell, request, result = each.cell, each.cell.request, each.result
    title = view.title(cell.value)
    if cell.again is not None and title == heading:
        is_target = view.axis.again == "target"
        title = picture_title(str(cell.again)) if is_target else f"Random seed {cell.again}"
    if request is None:
        return Tile(cell.value, title, title, note=_brief(cell.error))
    if each.hidden:
        note = "Uploaded picture that this session does not hold."
        return Tile(request.key, title, title, note=note)
    tile = Tile(
        key=request.key,
        title=title,
        alt=f"IRI: {title}",
        parameters=_parameters(request),
        companions=tuple((name, companion(request, name)) for name in companions),
    )
    if result is not None:
        return replace(
            tile,
            png=result.iri_png,
            badges=badges(result),
            hollow=result.state is MatchState.MATCHED,
        )
    if each.job is None and view.axis.name == "networks":
        problem = layer_picker.problem(request.model, request.size)
        if problem is not None:
            return replace(tile, note=_brief(problem.message))
    return _without_result(tile, each.job)


def _brief(message: str) -> str:
    """A message as a sentence that fits under an image."""
    return shorten(sentence(message), _MOST_CHARACTERS, placeholder=" …")


def _without_result(tile: Tile, job: Job | None) -> Tile:
    if job is None:
        return replace(tile, note="Not generated yet.")
    if job.state == states.FAILED:
        return replace(tile, note=f"Failed: {_brief(job.error or 'the reason is not known')}")
    if job.state == states.CANCELLED:
        return replace(tile, note="Cancelled.")
    if job.state == states.WAITING:
        return replace(tile, note="Waiting …")
    distance = f", relative distance {job.curve[-1][1]:.3f}" if job.curve else ""
    searching = job.look is None and job.step
    note = f"Step {job.step:,}{distance}" if searching else f"{capitalised(job.stage)} …"
    return replace(tile, png=job.preview, note=note, progress=_progress(job))


def badges(result: Compared) -> tuple[Badge, ...]:
    """Both verdicts of a result."""
    network = Badge(
        f"{state_title(result.state)} ({number(result.relative_l2)})", _TONES[result.state]
    )
    if not result.matched:
        return network, Badge("No answer without a match", "none")
    return network, Badge(answer_title(result.person), _ANSWER_TONES[result.person.answer])


def companion(request: Request, name: str) -> bytes | None:
    """The `seed` or the `target` of a request as its network would see it; None if it is gone."""
    size, channels = input_or_guess(request.network)
    if name == "seed":
        return seed_as_fitted(request.seed, size, request.rng_seed, channels)
    return target_as_fitted(request.target, size, channels)
