"""How the network of a result was loaded: what is assumed of it stands near the result.

Names and notes from a checkpoint are plain text here: nothing in them is read as Markdown or HTML.
"""

from __future__ import annotations

import streamlit as st

from explorer.result.provenance import NetworkUsed

_TITLES = {"mean": "mean", "std": "standard deviation", "classes": "class names"}


def show_assumptions(network: NetworkUsed | None) -> None:
    """A caption for what the checkpoint does not state, and for what was left out of it."""
    if network is None:
        return
    assumed = [title for name, title in _TITLES.items() if name in network.assumed]
    sentences = []
    if assumed:
        *first, last = assumed
        listed = f"{', '.join(first)} and {last}" if first else last
        sentences.append(f"The network's {listed} are assumed: its checkpoint does not state them.")
    if "mean" in network.assumed:
        sentences.append(
            "If it was trained with others, it does not see pictures here as it did in training, "
            "and this result does not tell what it learned."
        )
    if network.notes:
        count = len(network.notes)
        remarks = "A remark" if count == 1 else f"{count} remarks"
        sentences.append(f"{remarks} on how it was loaded: see “How it was made”.")
    if sentences:
        st.caption(f":material/info: {' '.join(sentences)}")


def show_settings(network: NetworkUsed | None) -> None:
    """Every setting of the network, a line each, with where it was taken from."""
    if network is not None:
        st.markdown("**The network as it was loaded**")
        st.text("\n".join(f"• {sentence}" for sentence in network.sentences))
