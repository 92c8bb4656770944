"""Pictures as a network sees them: fitted to its input, and as a batch on its device."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from explorer.images.named_pictures import fit_picture
from explorer.models.network import Network


def fit_to(picture: np.ndarray, network: Network) -> np.ndarray:
    """A uint8 H×W×3 picture as the network sees it: float32 3×H×W in [0, 1], on 8-bit levels.

    For a grey network it is made grey first (`explorer.images.luma`), then resized and cropped, and
    its three channels are the same.
    """
    return fit_picture(picture, network.input)


def as_batch(images: Iterable[np.ndarray], network: Network) -> Tensor:
    """Images 3×H×W, each float32 in [0, 1], as N×3×H×W on the network's device."""
    return torch.from_numpy(np.stack(list(images))).to(network.device)
