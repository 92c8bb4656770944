"""Whether the network that stays the same may exist; what is wrong is said where it was chosen."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from explorer.app.links import SidebarFields
from explorer.app.naming import literal, sentence
from explorer.app.panels import layer_picker
from explorer.errors import RequestError
from explorer.models import catalogue
from explorer.models.catalogue import check_visitor_may_name


def is_usable(fields: SidebarFields, place: DeltaGenerator, below_layer: DeltaGenerator) -> bool:
    """False for a network that cannot be right; one that cannot be reached now may have results.

    place: on the page, for a hint; below_layer: in the sidebar, for the reason.
    """
    try:
        check_visitor_may_name(fields["model"])
        catalogue.entry(fields["model"])
    except RequestError as error:
        message = f"Invalid settings: {literal(sentence(error.message))}"
        below_layer.error(message, icon=":material/error:")
        is_final = True
    else:
        problem = layer_picker.problem(fields["model"], fields["size"])
        if problem is None:
            return True
        with below_layer:
            layer_picker.show_problem(problem)
        is_final = problem.is_final
    place.caption("The network cannot be used: the sidebar says why.")
    return not is_final
