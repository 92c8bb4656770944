"""Whether found weights fit an architecture, and if not, the true reason in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.errors import RequestError
from explorer.models.checkpoints.state_dicts import COUNTER, some
from explorer.models.checkpoints.weights import Shape

FIELD = "architecture"


@dataclass(frozen=True)
class Misfit:
    """What keeps weights from an architecture: names that are missing, too many or misshapen."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    @property
    def words(self) -> str:
        """`2 missing (a, b); 1 of another shape (c)`, with as many names as there is room for."""
        kinds = sum(map(bool, (self.missing, self.unexpected, self.misshapen)))
        counts = (
            (self.missing, "missing"),
            (self.unexpected, "unexpected"),
            (self.misshapen, "of another shape"),
        )
        return "; ".join(
            f"{len(names)} {what} ({some(names, 5 - kinds)})" for names, what in counts if names
        )


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def misfit(state: Mapping[str, Tensor], module: nn.Module) -> Misfit:
    """Where a state dict does not fit a module. Training's own tensors do not count."""
    expected = module.state_dict()
    missing = [
        name for name in expected if name not in state and name.rpartition(".")[2] != COUNTER
    ]
    misshapen = [
        name for name in expected if name in state and state[name].shape != expected[name].shape
    ]
    unexpected = [name for name in extra(state, module) if _of_network(name, state[name], module)]
    return Misfit(tuple(missing), tuple(unexpected), tuple(misshapen))


def extra(state: Mapping[str, Tensor], module: nn.Module) -> list[str]:
    """The names in a state dict that a module lacks."""
    expected = module.state_dict()
    return [name for name in state if name not in expected]


def _of_network(name: str, tensor: Tensor, module: nn.Module) -> bool:
    """Whether a tensor beyond the module's belongs to a part of it: then another network was saved.

    What stands on its own (a queue, a projector, a criterion) belongs to the training, and so do
    masks, counters and indices wherever they are.
    """
    first, _, rest = name.partition(".")
    if not rest or not tensor.is_floating_point() or tensor.numel() == 1 or "mask" in name:
        return False
    part = getattr(module, first, None)
    return isinstance(part, nn.Module) and any(True for _ in part.parameters())


def loadable(state: Mapping[str, Tensor], module: nn.Module, shown: str) -> dict[str, Tensor]:
    """The tensors that a module expects, as float32 where it has that.

    Raises RequestError (field `model`) for quantised tensors, for numbers that are not finite, for
    negative variances of batch normalisation, and where every weight is 0.
    """
    prepared: dict[str, Tensor] = {}
    for name, own in module.state_dict().items():
        if name not in state:
            prepared[name] = own
            continue
        tensor = state[name]
        if own.is_floating_point():
            if tensor.is_quantized or not tensor.is_floating_point():
                kind = str(tensor.dtype).removeprefix("torch.")
                raise RequestError(
                    "model",
                    f"{shown} is quantised: {name} is {kind}; save the network as it was before "
                    "quantisation, in float32 or float16",
                )
            tensor = tensor.to(own.dtype)
        prepared[name] = tensor
    broken = [reason for name in prepared if (reason := _not_finite(name, prepared[name]))]
    if broken:
        listed = "; ".join(broken[:4]) + ("; …" if len(broken) > 4 else "")
        raise RequestError(
            "model",
            f"{shown} holds weights that are not finite: {listed}. Take a checkpoint from before "
            "the training diverged",
        )
    negative = list(_negative_variances(prepared, module))
    if negative:
        listed = "; ".join(negative[:4]) + ("; …" if len(negative) > 4 else "")
        raise RequestError(
            "model", f"{shown} holds variances that cannot be: {listed}. The file is damaged"
        )
    weights = [prepared[name] for name, own in module.named_parameters() if own.ndim > 1]
    if weights and not any(bool(weight.any()) for weight in weights):
        raise RequestError("model", f"every weight of {shown} is 0; take a trained checkpoint")
    return prepared


def _negative_variances(state: Mapping[str, Tensor], module: nn.Module) -> Iterator[str]:
    """The running variances whose square root, with the layer's epsilon added, is no number."""
    for name, tensor in state.items():
        parent, _, leaf = name.rpartition(".")
        if leaf == "running_var":
            epsilon: float = getattr(module.get_submodule(parent), "eps", 0.0)
            if bool((tensor + epsilon <= 0).any()):
                count = int((tensor < 0).sum())
                numbers = "number" if count == 1 else "numbers"
                yield f"{name} holds {count} negative {numbers}"


def _not_finite(name: str, tensor: Tensor) -> str | None:
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
        return None
    counts = {"NaN": int(tensor.isnan().sum()), "infinite": int(tensor.isinf().sum())}
    return f"{name} holds " + " and ".join(f"{n} {kind}" for kind, n in counts.items() if n)
