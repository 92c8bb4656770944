"""How to read it: the terms, the two questions, what to beware of, networks and credits."""

from __future__ import annotations

import streamlit as st

from explorer.analysis import people
from explorer.images import gallery
from explorer.losses.differences import DIFFERENCE_LOSSES
from explorer.losses.variants import FAMILIES, HUMAN, LOSSES
from explorer.models import catalogue
from explorer.models.entry import Entry
from explorer.request import CENTRED_TRANSFORMS, FOURIER_SUFFIX, TRANSFORMS

QUESTIONS = """
A network turns an image into numbers, layer by layer. At a chosen **layer**, the numbers of an
image are its *representation*. We start from a **seed** image and change its pixels until its
representation is nearly that of the **target**. The result is an **IRI**, an identically
represented input: to the network, from that layer on, nearly the same as the target.

Only a part of a layer may be matched, too, such as one channel: then the image is freer, the rest
of that layer and the layers after it may differ, and the verdict is about that part alone. Several
layers can be matched together, as in `layer2+0.5*layer3`; the number is how much a layer weighs.

#### Two questions
**To the network: the same?** The *relative distance* is the length of the difference of the two
representations, divided by the length of the target's. To know whether it is small, we measure the
same distance between thousands of pairs of unrelated images, the *null*: of held-out photographs
of its own data set for a network that ships with the app and learned from photographs, of the
gallery's for others, and of drawn images as well for networks that learned from drawn images. There
are three answers:
- **Not matched**: some of these pairs are as alike, or the classes differ.
- **Matched**: the IRI is nearer to the target than the nearest of these pairs by three measures
  (signal to noise, Pearson and Spearman correlation), the network predicts the same class for both
  images, and all this still holds after rounding to the 8 bits of a PNG.
- **Converged**: matched, and before rounding at the goal, the relative distance that was asked for.

At some layers the null is passed while the images are still far apart, so matched alone is a weak
answer. Compare results only at equal match: a search that goes on to smaller distances also changes
more of what the network ignores. Where results stand side by side and one is more than 1.5 times as
far from its target as another, a sentence says so.

**Which image?** Many match. A search shows the first one that it comes to, the image *as
searched*, and another search may come to another one. The *nearest image* is, of all that are
within the goal, the one that changes the seed least: passes after the search take back what the
match does not need, so that it depends on the network, and hardly on the search. It is shown
wherever the loss asks for the match alone and the images are small, or on demand under *More
settings*. *Moved* says how far an image is from its seed: the root mean square of the differences
of their pixel values, which go from 0 to 1, and the share that this is of the target's own distance
from the seed. *What did the match need?* shows the image as searched next to the nearest.

**To a person: the same?** Perceptual measures stand in for people. For each we ask whether the IRI
is nearer to its target than to its seed. A measure that was part of the loss, or whose backbone is
related to the network, is shown but does not count, nor does one that would not recognise a
photograph in such a seed at this size. A measure abstains where target and seed are about as near,
or where it calls wrong targets nearer than the seed, too. Measures of one formula or one network
have one vote together. The answer is *mostly yes* where most of those that vote say nearer the
target, *mostly no* where none does, *undecided* between, and *not measured* where fewer than two
kinds of measures vote. As a control the same is asked of five photographs that the IRI was not made
for. Your own eyes count first.

If the first answer is *not matched*, the second says nothing about the network: the search has not
arrived. One whose budget of steps ran out above its goal might look different with more steps.
**Continue** goes on from the image that such a search had come to, and counts its steps on. Where a
search met its goal before a match, Continue goes on to a smaller goal.

#### Your own pictures
A picture that you upload, and every result made from it, is shown in your session alone until you
share that result by its link. A reload of the page begins a new session: upload the picture again.

#### The loss decides what you conclude
Nanda et al. (AAAI 2023) found that the loss used to generate IRIs decides what one concludes.
"""
SUFFIXES = f"""
Each of these, and the regularizer-free loss, is also there with random transforms of the image
(T in the formula; `+{TRANSFORMS}` as published, `+{CENTRED_TRANSFORMS}` centred), with its Fourier
spectrum z optimised instead of its pixels (`{FOURIER_SUFFIX}`), or with both.
"""
ACCURACY = """
Accuracy is that of naming the object on unseen images; under attack, on the same images after
projected gradient descent (PGD) within an ℓ₂ distance of 1.
"""
CAUTIONS = """
#### Read with care
- A small distance says nothing about the quality of a network: an untrained one is matched easily.
- The seed matters. Much of what a network ignores stays as it was in the seed.
- The search matters for an image as searched: many images match, and at equal match some searches
  move much further from the seed than others. Compare nearest images with nearest images.
- Some measures call even a wrong target nearer; the control next to each figure shows how often.
"""


def _network(entry: Entry) -> str:
    """One network as an item of a Markdown list, with its accuracies where they were measured."""
    item = f"- **{entry.title}** (`{entry.reference}`, {entry.parameters:,} parameters). "
    item += entry.summary
    clean, attacked = entry.accuracy.get("clean"), entry.accuracy.get("pgd")
    if isinstance(clean, float) and isinstance(attacked, dict):
        item += f" Accuracy {clean:.1f} %, under attack {attacked['1']:.1f} %."
    return item


def _loss_families() -> str:
    """The families with their losses; the suffixes are explained once instead of listed."""
    lines = []
    for family, text in FAMILIES.items():
        lines += ["", f"**{family.capitalize()}.** {text}", ""]
        lines += [
            f"- *{loss.title}* (`{loss.name}`): `{loss.formula}`"
            for loss in (*LOSSES.values(), *DIFFERENCE_LOSSES.values())
            if loss.family == family and loss.name == loss.base
        ]
        if family == HUMAN:
            lines.append(SUFFIXES)
    return "\n".join(lines)


def _credits() -> str:
    pictures = map(gallery.describe, gallery.names())
    return "\n".join(
        f"- **{picture.title}**: {picture.credit}; {picture.licence}; [source]({picture.source})"
        for picture in pictures
    )


st.title("How to read it")
st.markdown(QUESTIONS)
st.markdown(_loss_families())
st.markdown("#### The networks that ship with the app")
st.markdown(ACCURACY)
st.markdown("\n".join(map(_network, catalogue.listed("embedded"))))
st.markdown(CAUTIONS)
st.markdown("#### The pictures")
st.markdown(_credits())
st.markdown("#### What people recognised")
st.markdown(
    "People's recognition of model metamers, shown under the layer ladder of the networks whose "
    f"weights are the same: {people.CITATION}; means and standard errors over participants of its "
    f"public data, {people.LICENCE} licence, [source]({people.SOURCE})."
)
