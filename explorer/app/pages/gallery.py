"""Gallery: all finished results, newest first, to be found again, opened, exported, deleted."""

from __future__ import annotations

import logging
import threading
from math import ceil
from urllib.parse import urlencode

import streamlit as st

from explorer.app import session, sharing
from explorer.app.components.cards import Card, opened, show_cards
from explorer.app.components.sidebar_button import show_sidebar_button
from explorer.app.components.tiles import Badge
from explorer.app.opening import explore_parameters, request_of
from explorer.app.pages import PAGES
from explorer.app.panels import gallery_actions, gallery_filters, gallery_import, stored_view
from explorer.app.panels.gallery_filters import RESULT, Chosen
from explorer.archive.listing import Contents, Entry, Listing, listing_of
from explorer.archive.pack_page import made_of, network_says, person_says
from explorer.archive.titles import network_title, picture_title
from explorer.hosting import hosting
from explorer.metrics.match import MatchState
from explorer.store import CacheError

log = logging.getLogger(__name__)

ON_A_PAGE = 24
SUMMARISE_SECONDS = 0.4  # of a run, for missing summaries, before those that are there are shown

_summarising = threading.Lock()

_TONES = {
    MatchState.CONVERGED: "good",
    MatchState.MATCHED: "middling",
    MatchState.NOT_MATCHED: "bad",
}
_ANSWER_TONES = {"yes": "good", "undecided": "middling", "no": "bad"}


def _parameters(entry: Entry) -> tuple[str, dict[str, str]]:
    """The page on which a result opens, and its URL parameters there."""
    request = request_of(entry.summary)
    in_explore = None if request is None else explore_parameters(request, entry.key)
    if in_explore is None:
        return gallery_filters.PAGE, {RESULT: entry.key}
    return "explore", in_explore


def _card(entry: Entry, thumbnail: bytes | None) -> Card:
    summary = entry.summary
    page, parameters = _parameters(entry)
    network, target = network_title(summary.model), picture_title(summary.target)
    return Card(
        key=entry.key,
        title=f"{target} · ships with the app" if entry.shipped else target,
        note=made_of(summary),
        alt=f"IRI of {network} for {target}, and the target",
        href=f"./{'' if page == 'explore' else page}?{urlencode(parameters)}",
        hint="Open in Explore" if page == "explore" else "Open",
        thumbnail=thumbnail,
        px=summary.px,
        badges=(
            Badge(f"Network: {network_says(summary)}", _TONES[MatchState(summary.state)]),
            Badge(
                f"Person: {person_says(summary)}",
                _ANSWER_TONES.get(summary.answer, "none") if summary.matched else "none",
            ),
        ),
        selected=entry.key in gallery_actions.selection(),
    )


def _open(clicked: list[Entry]) -> None:
    """Open the result that was clicked, if it is still there."""
    for entry in clicked:
        page, parameters = _parameters(entry)
        if page == "explore":
            st.switch_page(str(PAGES["explore"].script), query_params=parameters)
        st.session_state[RESULT] = entry.key


def _close() -> None:
    st.session_state.pop(RESULT, None)


@st.fragment(run_every=2)
def _summarise(listing: Listing, left: int) -> None:
    """Make the summaries that are not there yet, as long as somebody looks."""
    if _summarising.acquire(blocking=False):  # one visitor's look does it for all
        try:
            still = listing.summarise(SUMMARISE_SECONDS)
        finally:
            _summarising.release()
    else:
        still = len(listing.contents().missing)
    if not still:
        st.rerun()
    results = "result that is" if still == 1 else "results that are"
    st.progress(1 - still / max(left, still), f"Reading {still:,} {results} not listed yet …")


def _contents(listing: Listing) -> Contents:
    contents = listing.contents()
    if contents.missing:
        listing.summarise(SUMMARISE_SECONDS)
        contents = listing.contents()
    return contents


def _show_found(listed: list[Entry], listing: Listing, chosen: Chosen) -> None:
    found = chosen.filter.matching(listed)
    matched = sum(entry.summary.matched for entry in found)
    converged = sum(entry.summary.state == MatchState.CONVERGED for entry in found)
    of_all = "" if len(found) == len(listed) else f" of {len(listed):,}"
    results = "result" if len(listed) == 1 else "results"
    st.caption(
        f"{len(found):,}{of_all} {results}, newest first: {matched:,} matched, {converged:,} of "
        "these converged."
    )
    if not found:
        st.info("No result passes these filters.", icon=":material/filter_alt_off:")
        st.button("Clear the filters", key="clear_filters", on_click=gallery_filters.clear)
        return
    pages = ceil(len(found) / ON_A_PAGE)
    first = ON_A_PAGE * (gallery_filters.page_within(pages) - 1)
    shown = found[first : first + ON_A_PAGE]
    by_key = {entry.key: entry for entry in listed}
    gallery_actions.show_actions(by_key, shown)
    thumbnails = listing.thumbnails(entry.key for entry in shown)
    show_cards(
        [_card(entry, thumbnails.get(entry.key)) for entry in shown], gallery_actions.selection()
    )
    gallery_filters.show_pages(pages)


def _show(listing: Listing) -> None:
    contents = _contents(listing)
    listed = [entry for entry in contents.entries if sharing.may_be_listed(entry.summary)]
    if clicked := opened():
        _open([entry for entry in listed if entry.key == clicked])
    gallery_filters.read()
    chosen = gallery_filters.show(listed)
    gallery_import.show_import()
    st.title("Gallery")
    below_title = st.container()
    if chosen.result is not None:
        gallery_filters.write()
        gallery_filters.show_left_out()
        st.button("Back to all results", icon=":material/arrow_back:", on_click=_close)
        stored_view.show(chosen.result)
        return
    show_sidebar_button("Filter in the sidebar; click a result to open it.", "Filters and import")
    gallery_import.show_report()
    gallery_actions.show_message()
    if contents.missing:
        _summarise(listing, len(contents.missing))
    if listed:
        _show_found(listed, listing, chosen)
    elif not contents.missing:
        st.info("Nothing has been generated yet.", icon=":material/photo_library:")
        st.page_link(
            str(PAGES["explore"].script),
            label="Generate the first one in Explore",
            icon=":material/visibility:",
        )
    shown = {entry.key for entry in listed}
    hidden = sum(bool(each.summary.uploads) for each in contents.entries if each.key not in shown)
    if hidden and not hosting().hosted:  # how much strangers make is nobody's business
        st.caption(
            "1 more, made from an uploaded picture, is listed only in the session that holds this "
            "picture."
            if hidden == 1
            else f"{hidden:,} more, made from uploaded pictures, are listed only in the sessions "
            "that hold these pictures."
        )
    gallery_filters.write()
    with below_title:
        gallery_filters.show_left_out()


try:
    _show(listing_of(session.engine().store))
except CacheError as error:
    log.error("the results cannot be listed: %s", error)
    st.title("Gallery")
    st.error(
        "The results cannot be listed: the cache cannot be read. Whoever runs this app finds the "
        "reason in its log.",
        icon=":material/error:",
    )
session.engine().start()
