"""Sweep: many requests at once, as one plan, one table and one pack."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.components.page_styles import use_page_styles
from explorer.app.naming import literal
from explorer.app.panels import sweep_text, sweep_view
from explorer.errors import RequestError
from explorer.hosting import hosting
from explorer.images.errors import PictureError
from explorer.models.hubs import HubUnreachable
from explorer.sweep.estimate import estimate
from explorer.sweep.layers import KnownLayers
from explorer.sweep.plan import MOST_ON_PAGE, plan
from explorer.sweep.source import Source

engine = session.engine()
most = min(MOST_ON_PAGE, hosting().max_requests or MOST_ON_PAGE)
use_page_styles()
st.title("Sweep")
st.markdown(
    f"Every combination of what you choose, up to {most}, in one table. Larger sweeps, and "
    "those of your own files, run by `iri sweep`."
)
text = sweep_text.read()
try:
    planned = plan(Source(text, "Sweep"), most, KnownLayers(engine.store), session.uploads())
except (RequestError, PictureError) as error:
    st.error(f"Invalid settings: {literal(str(error))}", icon=":material/error:")
    st.stop()
except HubUnreachable as error:
    st.error(f"Not available: {literal(str(error))}", icon=":material/cloud_off:")
    st.stop()
expected = estimate(planned.requests, engine.store, engine.worker_count())
sweep_view.show_plan(planned, expected)
sweep_view.show(planned, expected)
engine.start()
