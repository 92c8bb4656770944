"""What of a page's address cannot be taken, in sentences, for as long as the page stays there.

Such a value is left out or brought into its range, and the address is written anew: without a
sentence, whoever opens the link believes to see what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import streamlit as st

from explorer.app.naming import code, literal
from explorer.app.url_state import Readers
from explorer.errors import did_you_mean

_MOST_UNKNOWN = 5
"""So many parameters that the page does not have are named."""

_OF_OTHERS = ("_", "utm_", "fbclid", "gclid", "msclkid")
"""How names begin that hosts and other sites add to links, and that ask nothing of a page."""

_SENTENCES = "_left_out"
_PARAMETERS = "_left_out_at"
"""At which parameters they are shown, by page; None until these are known."""


def sentences(
    parameters: Mapping[str, str],
    readers: Readers,
    allowed: Callable[[str], str],
    known: Sequence[str] = (),
    instead: Callable[[str, str], str] = lambda name, text: "",
) -> list[str]:
    """A sentence for each parameter whose text its reader refuses or changes, or which is none.

    allowed: from a parameter to what it may be, in words. known: those without a reader. instead:
    from an unknown one and its text to what would be right; "" suggests the name that is near.
    """
    found = []
    for name in [name for name in parameters if name in readers]:
        text = parameters[name]
        try:
            value = readers[name](text)
        except ValueError:
            taken = "is left out"
        else:
            if type(value) not in (int, float) or value == float(text):
                continue
            taken = f"is taken as {value}"
        found.append(f"{written(name, text)} {taken}; it may be {literal(allowed(name))}.")
    names = (*readers, *known)
    unknown = [name for name in parameters if name not in names and not name.startswith(_OF_OTHERS)]
    for name in unknown[:_MOST_UNKNOWN]:
        why = instead(name, parameters[name]) or _no_such_setting(name, names)
        found.append(f"{written(name, parameters[name])} is left out; {why}")
    if len(unknown) > _MOST_UNKNOWN:
        found.append(f"{len(unknown) - _MOST_UNKNOWN} more unknown names are left out, too.")
    return found


def _no_such_setting(name: str, known: Sequence[str]) -> str:
    suggestion = did_you_mean(name, known, cutoff=0.7).rstrip()
    return f"this page has no such setting{f'; {literal(suggestion)}' if suggestion else '.'}"


def written(name: str, text: str) -> str:
    """A parameter as it is in the address, shortened."""
    whole = f"{name}={text}"
    return code(whole if len(whole) <= 60 else f"{whole[:57]}…")


def remember(page: str, parameters: Mapping[str, str], found: Callable[[], list[str]]) -> None:
    """Have `show` say what of these parameters, which were just read, was left out: `found`.

    Where the page reads anew what it wrote itself, what it said then stays.
    """
    if parameters != _at().get(page):
        st.session_state[_SENTENCES] = _said() | {page: found()}
        st.session_state[_PARAMETERS] = _at() | {page: None}


def say(page: str, sentence: str) -> None:
    """Add to what `show` says."""
    st.session_state[_SENTENCES] = _said() | {page: [*_said().get(page, []), sentence]}


def show(page: str, parameters: Mapping[str, str]) -> None:
    """The sentences, until the page's parameters are others than after reading."""
    said = _said().get(page, [])
    if _at().get(page) is None:
        st.session_state[_PARAMETERS] = _at() | {page: dict(parameters)}
    if said and _at()[page] == parameters:
        st.warning(f"In this page's address {' '.join(said)}", icon=":material/link_off:")


def _said() -> dict[str, list[str]]:
    found: dict[str, list[str]] = st.session_state.get(_SENTENCES, {})
    return found


def _at() -> dict[str, Mapping[str, str] | None]:
    found: dict[str, Mapping[str, str] | None] = st.session_state.get(_PARAMETERS, {})
    return found


def one_of(names: Iterable[str]) -> str:
    """`one of a, b and c`."""
    *others, last = names
    return f"one of {', '.join(others)} and {last}" if others else last


def between(what: str, limits: tuple[float, float]) -> str:
    """`a number from 0 to 1`."""
    low, high = limits
    return f"{what} from {low:,.10g} to {high:,.10g}"
