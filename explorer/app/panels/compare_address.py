"""The page's own parameters in its address, and what of an address it cannot take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st

from explorer.analysis.variation import AXES, FACTORS, MOST, Axis
from explorer.app import continued, left_out, links
from explorer.app.naming import code, literal
from explorer.app.panels import sidebar
from explorer.app.url_state import Readers
from explorer.errors import RequestError
from explorer.images.errors import PictureError
from explorer.losses.variants import loss_named
from explorer.models import catalogue
from explorer.models.catalogue import check_visitor_may_name
from explorer.models.hubs import HubUnreachable
from explorer.request import Request
from explorer.validation import validate

PAGE = "compare"
NO_FACTOR = "none"
MOST_DRAWS = 8
_SEPARATOR = ","
_OWN = ("values", "again")
"""The parameters without a reader: what they mean depends on others."""


def axis_name(text: str) -> str:
    """The name of a question, or ValueError."""
    if text not in AXES:
        raise ValueError(text)
    return text


def factor_name(text: str) -> str:
    """The name of a factor or NO_FACTOR, or ValueError."""
    if text not in FACTORS and text != NO_FACTOR:
        raise ValueError(text)
    return text


def readers() -> Readers:
    """How each parameter is read that a control of this page's is set by."""
    return {**sidebar.readers(), "vary": axis_name, "group": factor_name}


def left_out_of(parameters: Mapping[str, str]) -> list[str]:
    """A sentence for each parameter whose text its reader refuses or changes, or which is none."""
    return left_out.sentences(parameters, readers(), _allowed, _OWN, _instead)


def with_network(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters; where they name no network, the first example's stand for what they lack."""
    if not parameters or "model" in parameters:
        return dict(parameters)
    return {**links.first_example(), **parameters}


def leave_out_unusable(axis: Axis, given: Mapping[str, str]) -> None:
    """Leave out what the address sets the varied field to where that cannot be.

    The other fields' values are seen in every image; this one's may be in none.
    """
    if axis.field not in given:
        return
    text = given[axis.field]
    if problem := _why_not(axis.field, text, given.get("model", links.DEFAULTS.model)):
        st.session_state.pop(axis.field)
        if axis.field == "model":
            st.session_state["model"] = links.first_example()["model"]
        _say(f"{left_out.written(axis.field, text)} is left out: {literal(problem)}")


def names_in(name: str, text: str, most: int = MOST) -> list[str]:
    """The names in a parameter, each once, and not more than fit a page."""
    names = [each for each in dict.fromkeys(text.split(_SEPARATOR)) if each.strip()]
    if len(names) > most:
        _say(
            f"{code(name)} is cut from {len(names)} names to {most}, as {MOST} images at most are "
            "compared on a page."
        )
    return names[:most]


def joined(names: Iterable[str]) -> str:
    """Names as a parameter."""
    return _SEPARATOR.join(names)


def draws_in(text: str, fits: Callable[[int], bool]) -> int | None:
    """How many random seeds `again` asks for, not more than fit a page; None where it says none."""
    allowed = left_out.between("a whole number", (1, MOST_DRAWS))
    try:
        wanted = int(text)
    except ValueError:
        _say(f"{left_out.written('again', text)} is left out; it may be {allowed}.")
        return None
    within = count = min(MOST_DRAWS, max(1, wanted))
    while count > 1 and not fits(count):
        count -= 1
    if count < within:
        allowed = f"at most {count} here, as {MOST} images at most are compared on a page"
    if count != wanted:
        _say(f"{left_out.written('again', text)} is taken as {count}; it may be {allowed}.")
    return count


def _say(sentence: str) -> None:
    """Add to what `show` says."""
    left_out.say(PAGE, sentence)


def _why_not(field: str, text: str, model: str) -> str:
    """What is wrong with this value of a field, whatever the others are; "" where nothing is.

    A network that cannot be looked up at the moment may be right.
    """
    try:
        if field == "model":
            check_visitor_may_name(text)
            catalogue.entry(text)
        elif field == "loss":
            loss_named(text)
        elif field == "layer":
            validate(Request(model=model, layer=text))
        else:
            pictures: dict[str, Any] = {"model": links.DEFAULTS.model, field: text}
            validate(Request(**pictures))
    except RequestError as error:
        message = error.message if error.field in (field, None) else ""
    except PictureError as error:
        message = str(error)
    except HubUnreachable:
        return ""
    else:
        return ""
    message = message.partition("choose one of")[0].rstrip("; .")
    return message if message.endswith("?") or not message else f"{message}."


def _instead(name: str, text: str) -> str:
    """What would be right instead of a parameter that the page does not have; "" for the usual."""
    if name == continued.PARAMETER:
        return "a comparison starts from seed images."
    if name in AXES:
        return f"what varies is set by {left_out.written('vary', f'{name}&values={text}')}."
    return ""


def remember(parameters: Mapping[str, str]) -> None:
    """Have `show` say what of these parameters was left out."""
    left_out.remember(PAGE, parameters, lambda: left_out_of(parameters))


def show(parameters: Mapping[str, str]) -> None:
    """The sentences, until the page's parameters are others than after reading."""
    left_out.show(PAGE, parameters)


def _allowed(name: str) -> str:
    """What a parameter may be, in words."""
    if name == "vary":
        return left_out.one_of(AXES)
    return left_out.one_of([*FACTORS, NO_FACTOR]) if name == "group" else sidebar.allowed(name)
