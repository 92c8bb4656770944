"""The sidebar: network → layer → target → seed image → loss → effort, and the page's URL."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import validation
from explorer.app import continued, links, url_state
from explorer.app.links import DEFAULTS, EFFORTS, SidebarFields
from explorer.app.panels import (
    image_picker,
    layer_picker,
    loss_picker,
    network_picker,
    search_settings,
)
from explorer.app.url_state import Readers
from explorer.errors import RequestError
from explorer.images.errors import PictureError
from explorer.losses.variants import Loss
from explorer.models.hubs import HubUnreachable
from explorer.request import Request

_READERS: Readers = {
    "model": str,
    "layer": str,
    **image_picker.READERS,
    **search_settings.READERS,
}


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
    read = url_state.read({**_READERS, **loss_picker.readers()}, links.first_example())
    if read is not None:
        continued.go_on_from(read.get(continued.PARAMETER))
    with st.sidebar:
        model = network_picker.network(DEFAULTS.model)
        facts = st.container()
        layer = layer_picker.layer(model, st.session_state.get("size"), DEFAULTS.layer)
        below_layer = st.container()
        with facts:
            network_picker.show_facts(model)
        target = image_picker.target()
        seed = image_picker.seed()
        loss = loss_picker.loss_panel(DEFAULTS.loss)
        effort = search_settings.effort()
        with st.expander("More settings", icon=":material/tune:"):
            optimiser = search_settings.optimiser()
            goal = search_settings.goal()
            nearest = search_settings.nearest()
            below_nearest = st.container()
            rng_seed = search_settings.random_seed()
            relu_gradient = search_settings.relu_gradient()
            size = search_settings.input_resolution()
            adversarial = loss.loss is not None and loss.loss.uses_distance
            adversary = search_settings.adversary(model, size) if adversarial else None
        submitted = _generate_button()
    fields = SidebarFields(
        model=model,
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
    )
    if nearest is not False and (reason := _why_not_nearest(fields, loss.loss)):
        fields["nearest"] = None
        below_nearest.caption(f"Here the image is as the search finds it: {reason}.")
    fields["continues"] = continued.key_for(links.parameters(fields, effort))
    url_state.write(links.parameters(fields, effort))
    try:
        request = _request(fields, EFFORTS[effort])
    except (RequestError, PictureError) as error:
        return Form(None, str(error), submitted, below_layer)
    except HubUnreachable as error:
        return Form(None, str(error), submitted, below_layer, is_invalid=False)
    problem = layer_picker.problem(model, size)
    return Form(request, "", submitted, below_layer, problem=problem)


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
    validation.check_visitor_may_name(fields["model"])
    network = validation.network_reference(fields["model"], size=fields["size"])
    request = Request.from_dict({**fields, **network.to_dict(), "steps": steps})
    return validation.with_null(validation.validate(request))
