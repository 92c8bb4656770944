"""The network: a picker that can be searched.

The curated networks come first, in groups; any other name of timm's and torchvision's is found by
typing a part of it.
"""

from __future__ import annotations

import streamlit as st

from explorer.app import known_input
from explorer.app.naming import capitalised, code, literal
from explorer.hosting import hosting
from explorer.models import allowed, catalogue
from explorer.models.entry import Entry
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.models.sources import embedded

ALL_GROUPS = "All"
MATCHES_SHOWN = 30
NORMS = {"linf": "ℓ∞", "l2": "ℓ₂"}


def network(default: str) -> str:
    """The reference that was chosen or typed."""
    entries = _entries()
    st.session_state.setdefault("model", default)
    chosen = st.session_state["model"]
    group = _group(entries)
    names = [name for name, entry in entries.items() if group in (ALL_GROUPS, entry.group)]
    model = st.selectbox(
        "Network",
        names if chosen in names or chosen is None else [*names, chosen],
        key="model",
        format_func=lambda name: _title(name, entries),
        accept_new_options=True,
        on_change=_picked,
        help="The network to invert. Type to search: an architecture, or how it was trained. "
        + which_may_be_typed(),
    )
    model = model or default
    _search(entries)
    return model


def take_only_match(key: str) -> None:
    """Where a part of a name was typed that is in one network's only, choose that network.

    key: of a picker in the session state, of one network or of several.
    """
    chosen = st.session_state[key]
    if isinstance(chosen, str):
        st.session_state[key] = catalogue.only_match(chosen)
    elif chosen:
        st.session_state[key] = list(dict.fromkeys(map(catalogue.only_match, chosen)))


def which_may_be_typed() -> str:
    """Which networks may be named that a list does not hold, in a sentence."""
    if hosting().restricts_networks:
        more = ", ".join(hosting().networks[:5])
        listed = f"those of the list and {more}" if more else "those of the list"
        return f"This app offers {listed}; at home the program takes any of timm's."
    return "Any name of timm's or torchvision's may be typed, too, such as timm:resnet18."


def _entries() -> dict[str, Entry]:
    """The offered networks by reference, with a warning for a list that cannot be read."""
    entries, errors = catalogue.offered()
    for error in errors:
        st.warning(f"The operator's list of networks cannot be read. {literal(str(error))}")
    return {entry.reference: entry for entry in entries}


def _group(entries: dict[str, Entry]) -> str:
    present = {entry.group for entry in entries.values()}
    picked = st.selectbox(
        "Kind of network",
        [ALL_GROUPS, *(name for name in catalogue.GROUPS if name in present)],
        key="_group",
        format_func=lambda name: catalogue.GROUPS.get(name, "All kinds"),
        help="Shortens the list of networks below; it changes nothing else.",
    )
    return picked or ALL_GROUPS


def _title(reference: str, entries: dict[str, Entry]) -> str:
    """`ResNet-50, ℓ₂ ε 3`; with its reference, too, where another network has the same title."""
    if reference not in entries:
        return reference
    title = entries[reference].title
    same = [entry for entry in entries.values() if entry.title == title]
    return title if len(same) == 1 else f"{title} · {reference}"


def _search(entries: dict[str, Entry]) -> None:
    count = allowed.searchable()
    if not count:
        return
    with st.expander(f"Search {count:,} more networks", icon=":material/search:"):
        words = st.text_input(
            "Search timm and torchvision",
            key="_search",
            placeholder="such as beit base 224",
            help="Words that occur in the name, in any order.",
        )
        matches = [name for name in allowed.search(words) if name not in entries]
        if words and not matches:
            st.caption("No match among their pretrained networks.")
        for name in matches[:MATCHES_SHOWN]:
            st.button(name, key=f"_found_{name}", type="tertiary", on_click=_take, args=(name,))
        if len(matches) > MATCHES_SHOWN:
            st.caption(f"The first {MATCHES_SHOWN}; another word narrows the search.")


def _picked() -> None:
    take_only_match("model")
    _reset_layer()


def _take(reference: str) -> None:
    st.session_state["model"] = reference
    _reset_layer()


def _reset_layer() -> None:
    """Another network may not have the layer; every one has the penultimate."""
    if st.session_state.get("layer") not in (PENULTIMATE, LOGITS):
        st.session_state["layer"] = PENULTIMATE


def show_facts(model: str) -> None:
    """A caption: data and training, size, licence, what a first use costs, and the reference.

    To be called after the layers were asked for: with them comes the size of a checkpoint's input.
    """
    entry = catalogue.find(model)
    if entry is None:
        return  # the validation of the request says why
    if model.partition(":")[0] == embedded.SOURCE.name:
        st.caption(f"{literal(entry.summary)}  \n{_accuracy(entry)}  \n{code(model)}")
        return
    size = known_input.input_size(model)
    attacks = f" {NORMS.get(entry.norm, entry.norm)} {_radius(entry)}" if entry.epsilon else ""
    facts = [
        literal(f"{capitalised(entry.objective)}{attacks}") if entry.objective else "",
        literal(entry.data),
        f"{size[0]} px" if size else "",
        f"{entry.parameters / 1e6:.1f} M parameters" if entry.parameters else "",
        literal(entry.licence),
        f"downloads {entry.megabytes:,} MB at first use" if entry.megabytes else "",
        f"[paper]({entry.paper})" if entry.paper else "",
    ]
    line = " · ".join(fact for fact in facts if fact)
    st.caption(f"{literal(entry.summary)}  \n{line}  \n{code(model)}".strip())


def _accuracy(entry: Entry) -> str:
    """How many test pictures an embedded network classifies correctly, clean and attacked."""
    clean, attacked = entry.accuracy["clean"], entry.accuracy["pgd"]
    assert isinstance(attacked, dict)
    return (
        f"Classifies {clean:.0f} % of test pictures correctly, {attacked['1']:.0f} % under attack "
        "(ℓ₂, ε = 1)."
    )


def _radius(entry: Entry) -> str:
    return f"{entry.epsilon * 255:g}/255" if entry.norm == "linf" else f"{entry.epsilon:g}"
