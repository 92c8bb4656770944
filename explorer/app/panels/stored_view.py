"""A stored result for which Explore has no settings: to be looked at, on the gallery's page."""

from __future__ import annotations

import streamlit as st

from explorer.app import session, sharing
from explorer.app.naming import describe
from explorer.app.opening import why_not_in_explore
from explorer.app.panels.result_view import show_stored
from explorer.store.store import is_result_key


def show(key: str) -> None:
    """The result of this key, or a sentence where there is none that this session may see."""
    result = session.engine().result(key) if is_result_key(key) else None
    if result is None or not sharing.may_see_network(result.request.model):
        st.info("This result is not in the cache (any more).", icon=":material/search_off:")
        return
    if not sharing.may_be_seen(result.request):
        sharing.show_not_shared()
        return
    st.markdown(describe(result.request))
    st.info(why_not_in_explore(result.request), icon=":material/info:")
    show_stored(result)
