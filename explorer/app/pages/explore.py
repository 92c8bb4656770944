"""Explore: choose, generate, watch, judge.

What is shown depends on nothing but the request that the sidebar (and so the URL) asks for: its
finished result, its running job, its failure, what is wrong with its network, or the pictures it
would start from.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.app import asking, left_out, session, sharing, url_state
from explorer.app.components.sidebar_button import show_sidebar_button
from explorer.app.naming import literal, sentence
from explorer.app.panels import (
    layer_picker,
    pending_view,
    progress_view,
    result_view,
    sidebar,
)
from explorer.jobs import job as states

engine = session.engine()
form = sidebar.read_form()

st.title("Same to the network, same to you?")
st.markdown(
    "An **IRI** (identically represented input) is an image made to be the same as the target to a "
    "neural network, at one of its layers. Where it is, what still differs to your eyes is what "
    "the network ignores there."
)
show_sidebar_button()
left_out.show(url_state.EXPLORE, url_state.last() or {})

if form.request is None:
    kind = "Invalid settings" if form.is_invalid else "Not available"
    st.error(f"{kind}: {literal(form.error)}", icon=":material/error:")
    st.stop()

request, problem = form.request, form.problem
is_hopeless = problem is not None and problem.is_final
if not sharing.may_be_seen(request):
    sharing.show_not_shared()
    st.stop()

if form.submitted and engine.result(request.key) is not None:
    st.toast("Already generated. Change a setting or the random seed.")
elif (form.submitted or pending_view.generation_requested()) and not is_hopeless:
    asking.submit(request)

asking.show_refusal()
job = engine.job(request.key)
running = job is not None and not job.finished
result = None if running else engine.result(request.key)
if result is None and job is None and request.null is not None:
    # An operator's null hides no finished picture: each says by which null it was judged.
    result = engine.result(replace(request, null=None, null_folder=None).key)
failed = job is not None and job.state == states.FAILED
said_here = result is None and not running and (is_hopeless or failed)
if problem is not None and not said_here:
    with form.below_layer:
        layer_picker.show_problem(problem)
if result is not None:
    if job is not None and job.note:
        st.warning(literal(sentence(job.note)), icon=":material/save:")
    result_view.show(result)
elif job is not None and running:
    progress_view.show(request, job)
elif problem is not None and problem.is_final:
    layer_picker.show_problem(problem)
elif job is not None and failed:
    pending_view.show_failure(request, job, problem.ask_again if problem else None)
else:
    cancelled = job is not None and job.state == states.CANCELLED
    why = sentence(job.error) if job is not None and cancelled and job.error else ""
    pending_view.show(request, cancelled, why)

if result is None:  # otherwise once the pictures are painted
    engine.start()
