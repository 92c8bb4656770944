"""The starter results that ship with the app: which requests they answer."""

from __future__ import annotations

from explorer.request import Request

_ROBUST = "embedded:residual-multi-adv2"
_STANDARD = "embedded:residual-multi-standard"

EXAMPLES: tuple[tuple[str, Request], ...] = (
    ("Trained against attacks: outlines and colours come through", Request(model=_ROBUST)),
    ("Trained as usual: noise stays noise", Request(model=_STANDARD)),
    ("From strong noise, trained against attacks", Request(model=_ROBUST, seed="noise")),
    ("From strong noise, trained as usual", Request(model=_STANDARD, seed="noise")),
    ("An early layer keeps nearly everything", Request(model=_STANDARD, layer="stage1.0")),
    ("The answer alone keeps almost nothing", Request(model=_STANDARD, layer="logits")),
    (
        "A loss that asks for a smooth picture, too",
        Request(model=_STANDARD, loss="freq"),
    ),
    (
        "A loss that holds the image at the seed: no match, no conclusion",
        Request(model=_ROBUST, loss="adversarial-seed"),
    ),
    ("A coffee cup out of a cat", Request(model=_ROBUST, target="coffee", seed="cat")),
)
