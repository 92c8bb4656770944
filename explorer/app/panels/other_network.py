"""Another network looks at an IRI and its target: the same to it, too?"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import validation
from explorer.analysis.network_comparison import known_comparison
from explorer.app import asking, session
from explorer.app.components.live import nudge
from explorer.app.naming import code, literal, network_title, number, sentence
from explorer.app.panels.difference_view import show_controversial_button
from explorer.app.panels.network_picker import take_only_match, which_may_be_typed
from explorer.app.panels.network_plots import classes_table, layer_plot
from explorer.errors import RequestError
from explorer.jobs import work
from explorer.metrics import no_match
from explorer.metrics.representation_measures import pair_measures
from explorer.models import catalogue
from explorer.models.hubs import HubUnreachable
from explorer.result import Result

if TYPE_CHECKING:
    from explorer.analysis.network_comparison import NetworkComparison

NO_NETWORK = "nobody"


def show_other(result: Result) -> None:
    """Another network, chosen here, looks at the same two images."""
    st.subheader("How does another network see it?")
    mine = result.request.model
    entries = catalogue.offered_whole()
    offered = [entry.reference for entry in entries if entry.reference != mine]
    model = st.selectbox(
        "Ask another network",
        [NO_NETWORK, *offered],
        key="other_network",
        format_func=lambda name: "choose one …" if name == NO_NETWORK else network_title(name),
        accept_new_options=True,
        on_change=take_only_match,
        args=("other_network",),
        help="It looks at this IRI and its target as they are in the PNG. " + which_may_be_typed(),
    )
    if model is None or model == NO_NETWORK:
        return
    try:
        validation.check_visitor_may_name(model)
        observer = validation.observer(validation.network_reference(model))
    except (RequestError, HubUnreachable) as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    show_controversial_button(result, model)
    question = session.answers(f"{observer.key} sees {result.request.key}")
    if "answer" not in question:
        known = known_comparison(result.request.key, observer, session.engine().store)
        if known is None:
            question["answer"] = asking.ask(work.compare, result.to_bytes(), observer.to_dict())
        else:
            question["answer"] = Future()
            question["answer"].set_result(known)
    if asking.has_come(question["answer"]):
        _show_comparison(question)
    else:
        _wait(question)


def _show_comparison(question: dict[str, Any]) -> None:
    try:
        comparison: NetworkComparison = question["answer"].result()
    except (RequestError, RuntimeError, MemoryError) as error:
        message = sentence(getattr(error, "message", str(error)))
        st.error(literal(message), icon=":material/error:")
        if not isinstance(error, RequestError):  # that would fail again
            st.button("Try again", on_click=question.clear, key="ask_other_again")
        return
    match, null = comparison.match, comparison.null
    st.markdown(
        f"**To {literal(network_title(comparison.model))}, at {code(comparison.layer)}, the same? "
        f"{'Matched' if match.same else 'Not matched'}.** Relative distance "
        f"{number(match.relative_l2)}; the most alike of {null.n_pairs:,} pairs of unrelated "
        f"images are {number(null.relative_l2.min)} apart. "
        + " ".join([*no_match.reasons(match, match, null, literal), comparison.own_match])
    )
    if match.target_top:
        st.markdown(classes_table(match))
    measure = pair_measures()[st.session_state.get("layers_by", "relative_l2")]
    layer_plot(comparison.layers, measure, comparison.layer, "compared here", "other_layers", match)
    st.caption(f"Measured by {measure.title}, as chosen above.")


@st.fragment
def _wait(question: dict[str, Any]) -> None:
    answer: Future[NetworkComparison] | None = question.get("answer")
    if answer is None or asking.has_come(answer):
        st.rerun()
    text, button = st.columns([3, 2], vertical_alignment="center")
    text.caption(f":material/hourglass_top: The other network is looking …{asking.place(answer)}")
    button.button(
        "Cancel",
        key="cancel_other",
        icon=":material/stop:",
        width="stretch",
        on_click=_give_up,
        args=(question,),
    )
    nudge(asking.keys_of(answer), "other_network")


def _give_up(question: dict[str, Any]) -> None:
    """Ask nobody any more."""
    answer: Future[NetworkComparison] | None = question.pop("answer", None)
    if answer is not None:
        answer.cancel()
    st.session_state["other_network"] = NO_NETWORK
