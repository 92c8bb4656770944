"""Training batches: pictures drawn when first needed, shuffled by epoch, augmented on the fly."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from explorer.research.training.augmentation import AUGMENTATIONS, FACTS, augment, facts_of, relabel
from explorer.research.training.recipes import Recipe
from explorer.zoo import cards, pictures


@dataclass(frozen=True)
class Batch:
    """One batch; `number` counts from the start of the training.

    images: float32 N×3×64×64 in [0, 1]; two views of each picture, one after the other (2N), for
    a contrastive objective. labels: int64 N×len(GROUPS) indices.
    """

    number: int
    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Pool:
    """The first `count` training pictures, each drawn once and kept."""

    count: int
    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    facts: np.ndarray = field(repr=False)
    drawn: np.ndarray = field(repr=False)

    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(uint8 N×64×64×3 pictures, int64 label indices, float32 facts behind the labels)."""
        for index in indices[~self.drawn[indices]]:
            image, labels = pictures.picture(int(index), "train")
            self.images[index], self.labels[index] = image, labels.as_row()
            self.facts[index], self.drawn[index] = facts_of(labels), True
        return self.images[indices], self.labels[indices], self.facts[indices]


@lru_cache(maxsize=1)
def pool(count: int) -> Pool:
    """The pool of training pictures, shared by all networks that one process trains."""
    return Pool(
        count,
        images=np.empty((count, 64, 64, 3), np.uint8),
        labels=np.empty((count, len(pictures.GROUPS)), np.int64),
        facts=np.empty((count, len(FACTS)), np.float32),
        drawn=np.zeros(count, bool),
    )


def batches(recipe: Recipe, first: int, device: str) -> Iterator[Batch]:
    """Batches from number `first` on, the same whenever one starts; without end."""
    count, width = recipe.training_pictures, recipe.batch_size
    shelf = pool(count)
    per_epoch = count // width
    epoch, start = divmod(first, per_epoch)
    while True:
        order = np.random.default_rng((recipe.rng_seed, epoch)).permutation(count)
        for place in range(start, per_epoch):
            images, labels, facts = shelf.take(order[place * width : (place + 1) * width])
            yield _prepare(
                recipe,
                epoch * per_epoch + place,
                cards.to_tensor(images, device),
                torch.from_numpy(labels).to(device),
                torch.from_numpy(facts).to(device),
            )
        epoch, start = epoch + 1, 0


def _prepare(recipe: Recipe, number: int, images: Tensor, labels: Tensor, facts: Tensor) -> Batch:
    how = AUGMENTATIONS[recipe.augmentation]
    if how is None:
        return Batch(number, images, labels)
    # A generator per batch, so that training that was interrupted goes on with the same changes.
    seed = np.random.SeedSequence((recipe.rng_seed, 1, number)).generate_state(1)[0]
    generator = torch.Generator().manual_seed(int(seed))
    if recipe.objective == "simclr":
        views = [augment(images, facts, how, generator)[0] for _ in range(2)]
        images = torch.cat(views)
    else:
        images, facts = augment(images, facts, how, generator)
        labels = relabel(labels, facts)
    return Batch(number, images.contiguous(memory_format=torch.channels_last), labels)
