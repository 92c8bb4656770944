"""Explore: pick, generate, watch, judge.

What is shown depends on nothing but the request that the panel (and so the URL) spells out: its
finished result, its running job, its failure, or the pictures it would start from.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.app import session
from explorer.app.components.mobile_sidebar import show_way_to_panel
from explorer.app.naming import sentence
from explorer.app.panels import pending_view, progress_view, result_view, sidebar
from explorer.jobs import job as states

engine = session.engine()
choice = sidebar.panel()

st.title("Same to the network, same to you?")
st.markdown(
    "An **IRI** is a picture made so that a neural network cannot tell it from the target. "
    "What differs to your eyes is what the network ignores."
)
show_way_to_panel()

if choice.request is None:
    st.error(f"This cannot be made. {sentence(choice.problem)}", icon=":material/error:")
    st.stop()

request = choice.request
if choice.generate and engine.result(request.key) is not None:
    st.toast("This one is finished already. Change something, or take other noise.")
elif choice.generate or st.session_state.pop("_make", False):
    engine.submit(request, session.uploads(), watcher=session.watcher())

job = engine.job(request.key)
under_way = job is not None and not job.finished
result = None if under_way else engine.result(request.key)
if result is None and job is None and request.null is not None:
    # An operator's own null hides no finished picture: each says by which null it was judged.
    result = engine.result(replace(request, null=None, null_folder=None).key)
if result is not None:
    result_view.show(result)
elif job is not None and under_way:
    progress_view.show(request)
elif job is not None and job.state == states.FAILED:
    pending_view.show_failure(request, job)
else:
    pending_view.show(request, cancelled=job is not None and job.state == states.CANCELLED)

if result is None:  # else once the pictures are painted
    engine.start()
