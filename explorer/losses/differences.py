"""Losses of a difference: of the images that match, one as different as possible. No torch here.

A search finds an image that matches, as with the match alone; then it is moved, its match kept
within ε, to where what a loss names is largest (`explorer.synthesis.pushing`). `diverse`: Leja's
greedy points with the network's matches as the set. `controversial`: Golan, Raju & Kriegeskorte
(2020), and the MAD competition of Wang & Simoncelli (2008).
"""

from __future__ import annotations

from explorer.losses.formula import MATCH
from explorer.losses.loss import DIFFERENCE, Loss
from explorer.registry import Registry

DIVERSE, CONTROVERSIAL = "diverse", "controversial"

DIFFERENCE_FIELDS = ("observer", "observer_layer", "away_from")
"""Fields of a Request that only these losses have."""

DIFFERENCE_STAGES = {
    "away_from": "moving the image away from earlier IRIs",
    "observer": "moving the image away from what the other network sees in the target",
}
"""What a progress callback is told when the image is moved, by the field that the loss needs."""

DIFFERENCE_LOSSES: Registry[Loss] = Registry(
    "loss",
    "loss",
    (
        Loss(
            name=DIVERSE,
            title="Unlike earlier IRIs",
            family=DIFFERENCE,
            help="Of the images that match, one as far as possible from earlier IRIs of the same "
            "target.",
            sum=MATCH,
            largest="Π_j ‖x − x_j‖₂",
            needs="away_from",
        ),
        Loss(
            name=CONTROVERSIAL,
            title="Different to another network",
            family=DIFFERENCE,
            help="The same to this network, and as different from the target as possible to "
            "another one.",
            sum=MATCH,
            largest="‖h(x) − h(x_t)‖₂ / ‖h(x_t)‖₂ · (1 − cos(h(x), h(x_t)))",
            needs="observer",
        ),
    ),
)
"""Apart from the other losses: none can be asked for without what it is to differ from. h is the
other network, the observer, up to its layer; x_j are the earlier IRIs."""
