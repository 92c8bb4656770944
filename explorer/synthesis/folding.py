"""Batch-norm folded into the convolution before it: the same network with less to compute.

In eval mode batch-norm is a scale and a shift of each channel, which the convolution's weights can
hold. IRIs are made with the folded network, and measured with the network as it is.
"""

from __future__ import annotations

import copy
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from explorer.models.layers import expression_of, representations
from explorer.models.network import Network

MAX_PARAMETERS = 60_000_000  # above, a second copy of the weights costs more than it saves
TOLERANCE = 1e-5  # largest relative ℓ₂ difference of the representation that counts as rounding

_cache: weakref.WeakKeyDictionary[Network, dict[tuple[str, ...], Network]] = (
    weakref.WeakKeyDictionary()
)


def folded(network: Network, layer: str) -> Network:
    """The network with its batch-norms folded, channels last; itself where none can be.

    layer: an expression. The representations at all its layers are the network's up to rounding:
    this is measured on a noise image first, on the whole layers, so that an architecture that
    folding would change is left as it is.
    """
    by_layers = _cache.setdefault(network, {})
    layers = expression_of(network, layer).layers
    if layers not in by_layers:
        by_layers[layers] = _fold(network, layers) or network
    return by_layers[layers]


def _fold(network: Network, layers: tuple[str, ...]) -> Network | None:
    parameters = sum(parameter.numel() for parameter in network.module.parameters())
    norms = (type(module) is nn.BatchNorm2d for module in network.module.modules())
    if parameters > MAX_PARAMETERS or not any(norms):
        return None
    noise = torch.rand(1, 3, *network.input.size, generator=torch.Generator().manual_seed(0))
    noise = noise.to(network.device)
    pairs = _pairs(network, noise)
    if not pairs or any(layer.split("#")[0] in pairs for layer in layers):
        return None
    module = copy.deepcopy(network.module)
    for convolution, norm in pairs.items():
        before, after = module.get_submodule(convolution), module.get_submodule(norm)
        assert isinstance(before, nn.Conv2d)
        assert isinstance(after, nn.BatchNorm2d)
        module.set_submodule(convolution, fuse_conv_bn_eval(before, after))
        module.set_submodule(norm, nn.Identity())
    folded_network = replace(network, module=module.to(memory_format=torch.channels_last))
    with torch.no_grad():
        exact, rounded = (
            representations(each, layers, noise) for each in (network, folded_network)
        )
    same = (
        float((rounded[layer] - exact[layer]).norm()) <= TOLERANCE * float(exact[layer].norm())
        for layer in layers
    )
    return folded_network if all(same) else None


def _pairs(network: Network, images: Tensor) -> dict[str, str]:
    """Convolution → batch-norm, by name, where the one's output goes straight into the other."""
    outputs: dict[int, tuple[str, Tensor]] = {}
    pairs: dict[str, str] = {}
    uses: Counter[str] = Counter()

    def after(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            uses[name] += 1
            outputs[id(output)] = (name, output)

        return hook

    def before(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            uses[name] += 1
            convolution, output = outputs.get(id(inputs[0]), ("", None))
            if output is inputs[0]:
                pairs[convolution] = name

        return hook

    with network.lock, ExitStack() as hooks, torch.no_grad():
        for name, module in network.module.named_modules():
            if type(module) is nn.Conv2d:
                hooks.callback(module.register_forward_hook(after(name)).remove)
            elif type(module) is nn.BatchNorm2d and module.track_running_stats:
                hooks.callback(module.register_forward_pre_hook(before(name)).remove)
        network.module(network.normalise(images))
    return {a: b for a, b in pairs.items() if uses[a] == uses[b] == 1}
