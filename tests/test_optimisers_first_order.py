"""First-order searches, their steps recomputed with NumPy."""

import numpy as np
import pytest
import torch

from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.registry import OPTIMISERS


@pytest.mark.parametrize(
    ("steps", "final_ratio", "distance", "length"),
    [(20, 0.1, 5.0, 2.0), (100, 0.1, 0.0, 2.0), (200, 0.05, 20.0, 0.5), (900, 0.03, 5.0, 2.0)],
)
def test_surrogate_momentum_takes_normalised_steps_that_shrink_the_sooner_the_larger_the_budget(
    steps, final_ratio, distance, length
):
    shape = (1, 3, 64, 64)
    start = Start(torch.zeros(shape), steps, (-1e3, 1e3), torch.tensor([True]))
    search = OPTIMISERS["surrogate-momentum"].build(start)
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    unit = (gradient / gradient.norm()).double().numpy()
    x, expected, velocity = torch.zeros(shape), np.zeros(shape), np.zeros(shape)
    for taken in range(steps):
        spent = taken / steps
        assert float(search.relu_width) == pytest.approx(1.5 * (1 - spent) ** 2.5, rel=1e-4)
        offset = torch.tensor([[distance if not taken else 1.0, 0.0]])
        x = search.next(x, torch.tensor([1e6]), 7 * gradient, offset)
        velocity = 0.85 * velocity + length * unit
        expected = expected - final_ratio**spent * (1 - spent) ** 0.5 * velocity
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_a_step_of_surrogate_momentum_is_at_most_four_tenths_of_polyaks():
    """The loss is 0.6 at a slope of 3: 0.2 from 0 if the path were straight."""
    start = torch.full((2, 3, 64, 64), 0.5)
    problem = Start(start, 100, (-9, 9), torch.tensor([True, True]))
    search = OPTIMISERS["surrogate-momentum"].build(problem)
    gradient = torch.zeros_like(start)
    gradient[:, 1, 20, 30] = 3.0
    loss = torch.tensor([0.6, 60.0])
    moved = start - search.next(start, loss, gradient, torch.tensor([[0.6], [0.6]]))
    lengths = torch.linalg.vector_norm(moved.flatten(1), dim=1)
    torch.testing.assert_close(lengths, torch.tensor([0.4 * 0.2, 2.0]), rtol=1e-4, atol=0)
