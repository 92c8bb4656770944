"""What the Compare page compares: the question, the values, the settings, all in the URL.

URL parameters: those of Explore for what stays the same, `vary` for the question, `values` for what
varies, `again` for further targets or the number of random seeds, `group` for how networks are
grouped (`none`: they are not). What is at its default is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from explorer.analysis.variation import (
    AXES,
    DEFAULT_AXIS,
    DEFAULT_FACTOR,
    MOST,
    Axis,
    Cell,
    by_factors,
    default_values,
    ladder,
    vary,
)
from explorer.app import links, session, url_state
from explorer.app.links import DEFAULTS, EFFORTS
from explorer.app.naming import loss_title, network_title, picture_title
from explorer.app.panels import (
    compare_address,
    compare_network,
    compare_repeats,
    layer_picker,
    network_picker,
    people_curve,
    sidebar,
)
from explorer.app.panels.compare_address import NO_FACTOR
from explorer.errors import RequestError
from explorer.images import gallery, noise_targets, seeds
from explorer.jobs.visitor_limits import check_request
from explorer.losses.variants import LOSSES
from explorer.models import catalogue
from explorer.models.catalogue import check_visitor_may_name
from explorer.models.layer_expression import in_order
from explorer.models.layer_titles import layer_title

PAGE = compare_address.PAGE
_PLACEHOLDERS = {
    "losses": "Choose losses",
    "networks": "Choose networks, or type a name such as timm:resnet18",
    "layers": "Choose layers, or type a name",
    "seeds": "Choose seed images",
    "targets": "Choose targets",
}


@dataclass(frozen=True)
class View:
    """What the page is set to.

    fields: of a Request, what stays the same (`steps` among them). cells: None where `error` says
    why there are none. parameters: of the page's URL. factor: of FACTORS, by which networks are
    grouped, or None.
    """

    axis: Axis
    fields: dict[str, object]
    values: list[str]
    cells: tuple[Cell, ...] | None
    error: str
    parameters: dict[str, str]
    factor: str | None = None

    def title(self, value: str) -> str:
        """A varied value as people read it."""
        return title_of(self.axis, value)


def title_of(axis: Axis, value: str) -> str:
    """A value of an axis as people read it."""
    if axis.name == "losses":
        return loss_title(value)
    if axis.name == "networks":
        return network_title(value)
    if axis.name == "layers":
        return value
    return picture_title(value)


def read_view() -> View:
    """Draw the question, the values and the sidebar; write them into the URL, and read them."""
    own = url_state.last(PAGE)
    if own is not None and st.query_params and "vary" not in st.query_params:
        # Opening an image leaves an entry with Explore's parameters in the browser's history.
        st.query_params.from_dict(own)
    named = compare_address.with_network(st.query_params.to_dict())
    if named != st.query_params.to_dict():
        st.query_params.from_dict(named)
    before = url_state.last() or links.first_example()
    read = url_state.read(compare_address.readers(), before, PAGE)
    _keep_values(read is None)
    given = dict(read or {})
    if read is not None:
        compare_address.remember(given)
    axis = _question()
    compare_address.leave_out_unusable(axis, given)
    place, below = st.container(), st.container()
    set_to = str(st.session_state.get(axis.field) or getattr(DEFAULTS, axis.field))
    values: list[str] = []
    usable, default = True, default_values(axis, {axis.field: set_to})
    if axis.name != "layers":
        with place:
            values = _values(axis, f"values-{axis.name}", default, given.get("values"))
    adversarial = axis.name == "losses" and any(
        LOSSES[value].uses_distance for value in values if value in LOSSES
    )
    first = values[0] if axis.name == "networks" and values else None
    settings = sidebar.draw_settings(axis.field, first, adversarial)
    fields = settings.fields
    if axis.name == "layers":
        with place:
            values, default = _layers(axis, fields["model"], fields["size"], given.get("values"))
    base = {**fields, "steps": EFFORTS[settings.effort]}
    with below:
        again, again_text = compare_repeats.again(axis, base, values, given.get("again"))
        factor = compare_repeats.group() if axis.name == "networks" else None
    if axis.name == "networks":
        group = None if factor == DEFAULT_FACTOR else factor or NO_FACTOR
    else:
        group = None
        usable = compare_network.is_usable(fields, place, settings.below_layer)
    parameters = {
        **links.parameters(fields, settings.effort),
        "vary": axis.name,
        **({} if values == default else {"values": compare_address.joined(values)}),
        **({} if again_text is None else {"again": again_text}),
        **({} if group is None else {"group": group}),
    }
    url_state.write(parameters, PAGE)
    with place:
        compare_address.show(parameters)
    values = by_factors(values, factor)
    view = View(axis, base, values, None, "", parameters, factor)
    if not usable or (axis.name == "layers" and not (values or default)):
        return view  # the sidebar says why, or the network's layers are being read
    try:
        cells = vary(base, axis, values, again, check_visitor_may_name, check_request)
    except RequestError as error:
        return replace(view, error=error.message)
    errors = {cell.error for cell in cells}
    if len({cell.value for cell in cells}) > 1 and len(errors) == 1 and "" not in errors:
        return replace(view, error=errors.pop())  # what stays the same cannot be right
    return replace(view, cells=cells)


def _question() -> Axis:
    st.session_state.setdefault("vary", DEFAULT_AXIS)
    name = st.segmented_control(
        "What varies?",
        list(AXES),
        key="vary",
        required=True,
        format_func=lambda name: AXES[name].title,
        help="All else stays as the sidebar says.",
    )
    axis = AXES[name or DEFAULT_AXIS]
    st.markdown(f"**{axis.question}**")
    return axis


def _values(
    axis: Axis,
    key: str,
    default: list[str],
    given: str | None,
    layers: layer_picker.Layers | None = None,
) -> list[str]:
    """The values in their multi-select, which is set to the URL's where it names some."""
    if given:
        named = compare_address.names_in("values", given)
        st.session_state[key] = in_order(named, list(layers)) if layers else named
    elif key not in st.session_state:
        st.session_state[key] = default
    chosen: list[str] = st.session_state[key]
    layers = layers or {}
    offered = list(layers) or _offered(axis)
    return st.multiselect(
        axis.title,
        [*offered, *(value for value in chosen if value not in offered)],
        key=key,
        format_func=lambda value: _option_title(axis, value, layers),
        max_selections=MOST,
        accept_new_options=axis.name in ("networks", "layers"),
        on_change=network_picker.take_only_match if axis.name == "networks" else None,
        args=(key,),
        placeholder=_PLACEHOLDERS[axis.name],
        label_visibility="collapsed",
    )


def _layers(
    axis: Axis, model: str, size: int | None, given: str | None
) -> tuple[list[str], list[str]]:
    """The layers and their default, the ladder; both empty while the worker is asked for them."""
    known = layer_picker.known_layers(model, size)
    key = f"values-layers-{model}"
    default = ladder([(name, kind, shape) for name, (kind, shape) in known.items()])
    if default:  # where people were asked about this network, the layers that they were asked about
        default = people_curve.rungs(model, size) or default
    if default or given or key in st.session_state:
        chosen = _values(axis, key, default, given, known)
        # From the image to the classes, whichever was chosen first.
        return in_order(chosen, list(known)), in_order(default, list(known))
    return [], []


def _keep_values(keep: bool) -> None:
    """Have what was chosen for the other questions outlive this run, or forget it for a link."""
    for key in [key for key in st.session_state if str(key).startswith(("values-", "again-"))]:
        if keep:
            st.session_state[key] = st.session_state[key]
        else:
            del st.session_state[key]


def _offered(axis: Axis) -> list[str]:
    if axis.name == "losses":
        return list(LOSSES)
    if axis.name == "networks":
        return [entry.reference for entry in catalogue.offered()[0]]
    first = seeds.kinds() if axis.name == "seeds" else ()
    last = noise_targets.kinds() if axis.name == "targets" else ()
    return [*first, *gallery.names(), *last, *session.uploads()]


def _option_title(axis: Axis, value: str, layers: layer_picker.Layers) -> str:
    if axis.name != "layers":
        return title_of(axis, value)
    words = layer_title(value, layers.get(value, ("", ()))[0], list(layers))
    return value if words == value else f"{words} · {value}"
