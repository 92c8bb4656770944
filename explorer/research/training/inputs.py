"""From pictures as bytes to what the zoo's networks take."""

import numpy as np
import torch
from torch import Tensor

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


def to_tensor(images: np.ndarray, device: str = "cpu") -> Tensor:
    """uint8 N×H×W×3 pictures as float32 N×3×H×W in [0, 1] (channels last in memory)."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def normalise(images: Tensor) -> Tensor:
    """Images in [0, 1], N×3×H×W, as the zoo's networks take them."""
    mean, std = (images.new_tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
    return (images - mean) / std
