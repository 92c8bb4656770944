"""Training batches: shuffled by epoch, augmented on the fly, the same whenever training resumes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.research.training.augmentation import (
    AUGMENTATIONS,
    Window,
    augment,
    centre_window,
    random_window,
)
from explorer.research.training.data import Examples, TrainingData
from explorer.research.training.inputs import to_tensor
from explorer.research.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """One batch; `number` counts from the start of the training.

    images: float32 N×3×H×W in [0, 1]; two views of each picture, one after the other (2N), for
    a contrastive objective. labels: int64 N×G indices, one column per label group.
    """

    number: int
    images: Tensor
    labels: Tensor


def batches(recipe: Recipe, data: TrainingData, first: int, device: str) -> Iterator[Batch]:
    """Batches from number `first` on, without end."""
    width = recipe.batch_size
    per_epoch = data.training_count // width
    epoch, start = divmod(first, per_epoch)
    while True:
        order = np.random.default_rng((recipe.rng_seed, epoch)).permutation(data.training_count)
        for place in range(start, per_epoch):
            examples = data.training(order[place * width : (place + 1) * width])
            yield _prepare(recipe, epoch * per_epoch + place, examples, data.side, device)
        epoch, start = epoch + 1, 0


def _prepare(recipe: Recipe, number: int, examples: Examples, side: int, device: str) -> Batch:
    how = AUGMENTATIONS[recipe.augmentation]
    # A generator per batch, so that training that was interrupted goes on with the same changes.
    seed = np.random.SeedSequence((recipe.rng_seed, 1, number)).generate_state(1)[0]
    if isinstance(how, Window):
        pictures = random_window(examples.images, side, how, np.random.default_rng(seed))
    elif how is None:
        pictures = centre_window(examples.images, side)
    else:  # crops are of the whole picture, margin and all
        pictures = np.array(examples.images)
    images = to_tensor(pictures, device)
    labels = torch.from_numpy(examples.labels).to(device)
    if how is None or isinstance(how, Window):
        return Batch(number, images, labels)
    generator = torch.Generator().manual_seed(int(seed))
    if recipe.objective == "simclr":
        images = torch.cat([augment(images, how, generator, side) for _ in range(2)])
    else:
        images = augment(images, how, generator, side)
    return Batch(number, images.contiguous(memory_format=torch.channels_last), labels)
