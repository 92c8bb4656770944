"""The page's own parameters in its address, and what of an address it cannot take.

Such a value is left out or brought into its range, and the address is written anew; a sentence says
so for as long as the page stays at that address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st

from explorer.analysis.variation import AXES, FACTORS, MOST, Axis
from explorer.app import continued, links
from explorer.app.naming import code, literal
from explorer.app.panels import sidebar
from explorer.app.panels.search_settings import efforts, largest_size
from explorer.app.url_state import Readers
from explorer.errors import RequestError, did_you_mean
from explorer.images.errors import PictureError
from explorer.losses.terms.representation import COMPARISONS
from explorer.losses.variants import loss_named
from explorer.models import catalogue
from explorer.models.catalogue import check_visitor_may_name
from explorer.models.hubs import HubUnreachable
from explorer.network_reference import SIZE_RANGE
from explorer.request import (
    GOAL_RANGE,
    RELU_GRADIENTS,
    RNG_SEED_RANGE,
    TERM_WEIGHT_RANGE,
    Request,
)
from explorer.validation import validate

NO_FACTOR = "none"
MOST_DRAWS = 8
_SEPARATOR = ","
_MOST_UNKNOWN = 5
"""So many parameters that the page does not have are named."""

_SENTENCES = "_compare_left_out"
_PARAMETERS = "_compare_left_out_at"
"""At which parameters they are shown; None until these are known."""


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


def left_out(parameters: Mapping[str, str]) -> list[str]:
    """A sentence for each parameter whose text its reader refuses or changes."""
    by_name = readers()
    sentences = []
    for name in [name for name in parameters if name in by_name]:
        text = parameters[name]
        try:
            value = by_name[name](text)
        except ValueError:
            taken = "is left out"
        else:
            if type(value) not in (int, float) or value == float(text):
                continue
            taken = f"is taken as {value}"
        sentences.append(f"{_written(name, text)} {taken}; it may be {literal(_allowed(name))}.")
    unknown = [name for name in parameters if name not in {*by_name, "values", "again"}]
    sentences += [
        f"{_written(name, parameters[name])} is left out; {_instead(name, parameters[name])}"
        for name in unknown[:_MOST_UNKNOWN]
    ]
    if len(unknown) > _MOST_UNKNOWN:
        sentences.append(f"{len(unknown) - _MOST_UNKNOWN} more unknown names are left out, too.")
    return sentences


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
        _say(f"{_written(axis.field, text)} is left out: {literal(problem)}")


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
    allowed = _between("a whole number", (1, MOST_DRAWS))
    try:
        wanted = int(text)
    except ValueError:
        _say(f"{_written('again', text)} is left out; it may be {allowed}.")
        return None
    within = count = min(MOST_DRAWS, max(1, wanted))
    while count > 1 and not fits(count):
        count -= 1
    if count < within:
        allowed = f"at most {count} here, as {MOST} images at most are compared on a page"
    if count != wanted:
        _say(f"{_written('again', text)} is taken as {count}; it may be {allowed}.")
    return count


def _say(sentence: str) -> None:
    """Add to what `show` says."""
    st.session_state[_SENTENCES] = [*st.session_state.get(_SENTENCES, []), sentence]


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


def _written(name: str, text: str) -> str:
    """A parameter as it is in the address, shortened."""
    whole = f"{name}={text}"
    return code(whole if len(whole) <= 60 else f"{whole[:57]}…")


def _instead(name: str, text: str) -> str:
    """What would be right instead of a parameter that the page does not have."""
    if name == continued.PARAMETER:
        return "a comparison starts from seed images."
    if name in AXES:
        return f"what varies is set by {_written('vary', f'{name}&values={text}')}."
    known = [*readers(), "values", "again"]
    suggestion = did_you_mean(name, known, cutoff=0.7).rstrip()
    return f"this page has no such setting{f'; {literal(suggestion)}' if suggestion else '.'}"


def remember(parameters: Mapping[str, str]) -> None:
    """Have `show` say what of these parameters was left out.

    Where the page reads anew what it wrote itself, what it said then stays.
    """
    if parameters != st.session_state.get(_PARAMETERS):
        st.session_state[_SENTENCES] = left_out(parameters)
        st.session_state[_PARAMETERS] = None


def show(parameters: Mapping[str, str]) -> None:
    """The sentences, until the page's parameters are others than after reading."""
    sentences: list[str] = st.session_state.get(_SENTENCES, [])
    if st.session_state.get(_PARAMETERS) is None:
        st.session_state[_PARAMETERS] = dict(parameters)
    if sentences and st.session_state[_PARAMETERS] == parameters:
        st.warning(f"In this page's address {' '.join(sentences)}", icon=":material/link_off:")


def _allowed(name: str) -> str:
    """What a parameter may be, in words."""
    allowed = {
        "vary": _one_of(AXES),
        "group": _one_of([*FACTORS, NO_FACTOR]),
        "effort": _one_of(efforts()),
        "goal": _between("a number", GOAL_RANGE),
        "nearest": _one_of(["yes", "no", "by-size"]),
        "relu": _one_of(RELU_GRADIENTS),
        "representation": _one_of(COMPARISONS),
        "rng": _between("a whole number", RNG_SEED_RANGE),
        "size": _between("a whole number of px", (SIZE_RANGE[0], largest_size())),
    }
    return allowed.get(name) or _between("a number", TERM_WEIGHT_RANGE)


def _one_of(names: Iterable[str]) -> str:
    *others, last = names
    return f"one of {', '.join(others)} and {last}" if others else last


def _between(what: str, limits: tuple[float, float]) -> str:
    low, high = limits
    return f"{what} from {low:,.10g} to {high:,.10g}"
