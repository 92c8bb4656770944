"""The sidebar: network → layer → target → seed image → loss → effort, and the page's URL."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import validation
from explorer.app import continued, left_out, links, url_state
from explorer.app.links import DEFAULTS, EFFORTS, SidebarFields
from explorer.app.panels import (
    difference_picker,
    image_picker,
    layer_picker,
    loss_picker,
    network_picker,
    search_settings,
)
from explorer.app.url_state import Readers
from explorer.errors import RequestError
from explorer.images.errors import PictureError
from explorer.jobs.visitor_limits import check_request
from explorer.losses.terms.representation import COMPARISONS
from explorer.losses.variants import Loss
from explorer.models.hubs import HubUnreachable
from explorer.network_reference import SIZE_RANGE
from explorer.request import (
    GOAL_RANGE,
    RELU_GRADIENTS,
    RNG_SEED_RANGE,
    TERM_WEIGHT_RANGE,
    Request,
)

_READERS: Readers = {
    "model": str,
    "layer": str,
    **image_picker.READERS,
    **search_settings.READERS,
    **difference_picker.READERS,
}

_ELSEWHERE = "_sidebar_elsewhere"
"""What was chosen elsewhere on the page when the sidebar was drawn to its end last."""
_SOMETIMES = {"adversary", difference_picker.OBSERVER, difference_picker.OBSERVER_LAYER}
"""Controls that are drawn for some losses only."""


def readers() -> Readers:
    """How each URL parameter of the controls is read, those of every registered term, too."""
    return {**_READERS, **loss_picker.readers()}


def allowed(name: str) -> str:
    """What a URL parameter of the controls may be, in words."""
    words = {
        "effort": left_out.one_of(search_settings.efforts()),
        "goal": left_out.between("a number", GOAL_RANGE),
        "nearest": left_out.one_of(["yes", "no", "by-size"]),
        "relu": left_out.one_of(RELU_GRADIENTS),
        "representation": left_out.one_of(COMPARISONS),
        "rng": left_out.between("a whole number", RNG_SEED_RANGE),
        "size": left_out.between(
            "a whole number of px", (SIZE_RANGE[0], search_settings.largest_size())
        ),
    }
    return words.get(name) or left_out.between("a number", TERM_WEIGHT_RANGE)


@dataclass(frozen=True)
class Settings:
    """What the sidebar is set to, `continues` excepted.

    loss: None where its name or weights cannot be right. below_layer: where the sidebar has room
    for what is wrong with the network's layers.
    """

    fields: SidebarFields
    effort: str
    loss: Loss | None
    below_layer: DeltaGenerator


@dataclass(frozen=True)
class Form:
    """What the sidebar asks for: a request, or the error that says why there is none.

    submitted: whether Generate was pressed. is_invalid: whether the error is one of the settings;
    otherwise a download that they need is not available at the moment. problem: why the network's
    layers cannot be listed; below_layer: where the sidebar has room to say so.
    """

    request: Request | None
    error: str
    submitted: bool
    below_layer: DeltaGenerator
    is_invalid: bool = True
    problem: layer_picker.Problem | None = None


def read_form() -> Form:
    """Draw the sidebar, write its state into the URL, and read it."""
    read = url_state.read(readers(), links.first_example())
    if read is not None:
        continued.go_on_from(read.get(continued.PARAMETER))
        known = (continued.PARAMETER,)
        left_out.remember(
            url_state.EXPLORE, read, lambda: left_out.sentences(read, readers(), allowed, known)
        )
    settings = draw_settings()
    fields, effort, below_layer = settings.fields, settings.effort, settings.below_layer
    with st.sidebar:
        submitted = _generate_button()
    fields["continues"] = continued.key_for(links.parameters(fields, effort))
    url_state.write(links.parameters(fields, effort))
    try:
        request = _request(fields, EFFORTS[effort])
    except (RequestError, PictureError) as error:
        return Form(None, str(error), submitted, below_layer)
    except HubUnreachable as error:
        return Form(None, str(error), submitted, below_layer, is_invalid=False)
    problem = layer_picker.problem(fields["model"], fields["size"])
    return Form(request, "", submitted, below_layer, problem=problem)


def draw_settings(
    elsewhere: str | None = None, model: str | None = None, adversarial: bool = False
) -> Settings:
    """Draw the sidebar's controls, from the network to the effort and more, and read them.

    elsewhere: a field (`model`, `layer`, `target`, `seed`, `loss`) that is chosen elsewhere on the
    page: its control is left out, and its value is the one in the URL. model: the network whose
    layers are offered, where `model` is chosen elsewhere. adversarial: offer the adversary,
    whatever the loss.
    """
    _keep(elsewhere)
    with st.sidebar:
        if elsewhere == "model":
            chosen = _kept("model", DEFAULTS.model)
        else:
            chosen = network_picker.network(DEFAULTS.model)
        model, facts = model or chosen, st.container()
        if elsewhere == "layer":
            layer = _kept("layer", DEFAULTS.layer)
        else:
            layer = layer_picker.layer(model, st.session_state.get("size"), DEFAULTS.layer)
        below_layer = st.container()
        if elsewhere != "model":
            with facts:
                network_picker.show_facts(model)
        if elsewhere == "target":
            target = _kept("target", DEFAULTS.target)
            image_picker.upload()
        else:
            target = image_picker.target()
        seed = _kept("seed", DEFAULTS.seed) if elsewhere == "seed" else image_picker.seed()
        if elsewhere == "loss":
            loss = loss_picker.kept(DEFAULTS.loss)
        else:
            loss = loss_picker.loss_panel(DEFAULTS.loss)
        difference = difference_picker.difference(loss.loss, model, st.session_state.get("size"))
        effort = search_settings.effort()
        with st.expander("More settings", icon=":material/tune:"):
            optimiser = search_settings.optimiser()
            goal = search_settings.goal()
            nearest = search_settings.nearest()
            below_nearest = st.container()
            rng_seed = search_settings.random_seed()
            relu_gradient = search_settings.relu_gradient()
            size = search_settings.input_resolution()
            adversarial |= loss.loss is not None and loss.loss.uses_distance
            adversary = search_settings.adversary(model, size) if adversarial else None
    st.session_state[_ELSEWHERE] = elsewhere
    fields = SidebarFields(
        model=chosen,
        layer=layer,
        target=target,
        seed=seed,
        loss=loss.name,
        term_weights=tuple(loss.weights.items()) or None,
        representation=loss.comparison,
        relu_gradient=relu_gradient,
        adversary=adversary,
        optimiser=optimiser,
        goal=goal,
        rng_seed=rng_seed,
        size=size,
        continues=None,
        nearest=nearest,
        **difference,
    )
    if nearest is not False and (reason := _why_not_nearest(fields, loss.loss)):
        fields["nearest"] = None
        below_nearest.caption(f"Here the image is as the search finds it: {reason}.")
    return Settings(fields, effort, loss.loss, below_layer)


def _keep(elsewhere: str | None) -> None:
    """Have the values of controls outlive the runs in which they are not drawn.

    Streamlit would drop them. Nor would it send a control's value to the browser when the control
    is drawn again, unless the value was set in that run: the browser would answer with a default.
    So all are set where other controls are drawn than before. They are not set in every run, which
    would undo what somebody is typing.
    """
    if elsewhere is None:
        return
    if st.session_state.get(_ELSEWHERE) != elsewhere:
        keys = set(readers())
    else:
        keys = _SOMETIMES | set(loss_picker.readers() if elsewhere == "loss" else {elsewhere})
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def _kept(key: str, default: str) -> str:
    return st.session_state.get(key) or default


def _why_not_nearest(fields: SidebarFields, loss: Loss | None) -> str:
    """Why the image cannot be brought nearest to its seed; "" where it can, or settings are wrong.

    A choice that does not apply is no error: it comes from links, or from before the loss changed.
    """
    if loss is None:
        return ""
    try:
        search = replace(
            DEFAULTS,
            optimiser=fields["optimiser"],
            goal=fields["goal"],
            relu_gradient=fields["relu_gradient"],
        )
        return validation.why_not_nearest(search, loss)
    except RequestError:
        return ""


def _generate_button() -> bool:
    return st.button(
        "Generate",
        type="primary",
        width="stretch",
        icon=":material/play_arrow:",
        key="generate",
        help="Generate this image now. A finished one is shown at once.",
    )


def _request(fields: SidebarFields, steps: int) -> Request:
    """The validated request; RequestError or PictureError says why there is none."""
    for name in (fields["model"], fields["observer"]):
        if name is not None:
            validation.check_visitor_may_name(name)
    network = validation.network_reference(fields["model"], size=fields["size"])
    request = Request.from_dict({**fields, **network.to_dict(), "steps": steps})
    request = validation.with_null(validation.validate(request))
    check_request(request)
    return request
