"""The match at every layer, not only at the one that was matched."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from explorer.measures.representation import relative_l2


def relative_l2_by_layer(
    representations: Mapping[str, Tensor], target_representations: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Relative ℓ₂ per layer and sample: name → N values, in the order of `representations`.

    Both map layer names to N×… tensors. Raises ValueError when a layer is missing on one side.
    """
    lone = sorted(representations.keys() ^ target_representations.keys())
    if lone:
        raise ValueError(f"layers of only one of the two images: {', '.join(lone)}")
    return {
        name: relative_l2(representation, target_representations[name])
        for name, representation in representations.items()
    }
