"""How to read it: the words, the two questions, the traps, and whose pictures these are."""

from __future__ import annotations

import streamlit as st

from explorer.images import gallery
from explorer.losses.variants import FAMILIES, LOSSES
from explorer.models import catalogue

st.set_page_config(layout="centered")  # lines that an eye can follow
st.title("How to read it")
st.markdown(
    """
A network turns a picture into numbers, layer by layer. At a chosen **layer**, the numbers of a
picture are its *representation*. We start from a **seed** and change its pixels until its
representation is that of the **target**. The outcome is an **IRI**, an identically represented
input: to the network, from that layer on, the same as the target.

#### Two questions
**To the network: the same?** The *relative distance* is the length of the difference of the two
representations, divided by the length of the target's. To know whether it is small, we measure the
same distance between thousands of pairs of unrelated pictures, the *null*. The answer is yes only
if the IRI is nearer than the nearest of them by three measures (signal to noise, Pearson and
Spearman correlation), the network gives both pictures the same class, and all this still holds
after rounding to the 8 bits of a PNG.

**To a person: the same?** Perceptual measures stand in for people. For each we ask whether the IRI
is nearer its target than its seed. A measure that was part of the loss, or that rests on a relative
of the network, is shown but does not judge. Your own eyes do.

If the first answer is no, the second says nothing about the network: the search has not arrived.
A search has **converged** if the match succeeds and it also met its goal, or came to where it got
no nearer; one whose budget ran out before might look different with more effort.

#### The loss decides what you conclude
Nanda et al. (AAAI 2023) found that the loss used to make IRIs decides what one concludes.
"""
)
for family, text in FAMILIES.items():
    st.markdown(f"**{family.capitalize()}.** {text}")
    for loss in LOSSES.values():
        if loss.family == family:
            st.markdown(f"- *{loss.title}* (`{loss.name}`): `{loss.formula}`")
st.markdown("#### The networks that ship")
for entry in catalogue.entries():
    clean = entry.accuracy.get("clean")
    attacked = entry.accuracy.get("pgd", {}).get("1")
    st.markdown(
        f"- **{entry.title}** (`{entry.reference}`, {entry.parameters:,} parameters). "
        f"{entry.summary} It names {clean:.1f} % of unseen pictures rightly, {attacked:.1f} % when "
        "each is changed by the worst noise found of length 1."
    )
st.markdown(
    """
#### Read with care
- A small match says nothing about the quality of a network: an untrained one matches superbly.
- The seed matters. What a network ignores stays as it was in the seed, so noise stays noise.
- Even a wrong target is called nearer by some measures; the control beside each figure shows how
  often.
"""
)
st.markdown("#### The pictures")
st.markdown(
    "\n".join(
        f"- **{one.title}**: {one.credit}; {one.licence}; [source]({one.source})"
        for one in map(gallery.describe, gallery.names())
    )
)
