"""The same network with less to compute: batch-norm folded into the convolution before it.

In eval mode batch-norm is a scale and a shift of each channel, which the convolution's weights can
hold. The images are made with the lighter network and judged with the network as it is.
"""

from __future__ import annotations

import copy
import weakref
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from explorer.models.layers import representation
from explorer.models.network import Network

MOST_PARAMETERS = 60_000_000  # above, a second copy of the weights costs more than it saves
TOLERANCE = 1e-5  # largest relative ℓ₂ difference of the representation that counts as rounding

_kept: weakref.WeakKeyDictionary[Network, dict[str, Network]] = weakref.WeakKeyDictionary()


def folded(network: Network, layer: str) -> Network:
    """The network with what can be folded up to `layer`, channels last; itself where nothing can.

    Its numbers at `layer` are those of the network up to rounding: this is measured on a noise
    image before it is used, so that a design that folding would change is left as it is.
    """
    known = _kept.setdefault(network, {})
    if layer not in known:
        known[layer] = _fold(network, layer) or network
    return known[layer]


def _fold(network: Network, layer: str) -> Network | None:
    parameters = sum(parameter.numel() for parameter in network.module.parameters())
    norms = (type(module) is nn.BatchNorm2d for module in network.module.modules())
    if parameters > MOST_PARAMETERS or not any(norms):
        return None
    noise = torch.rand(1, 3, *network.input.size, generator=torch.Generator().manual_seed(0))
    noise = noise.to(network.device)
    pairs = _pairs(network, noise)
    if not pairs or layer.split("#")[0] in pairs:
        return None
    module = copy.deepcopy(network.module)
    for convolution, norm in pairs.items():
        fused = fuse_conv_bn_eval(module.get_submodule(convolution), module.get_submodule(norm))
        module.set_submodule(convolution, fused)
        module.set_submodule(norm, nn.Identity())
    light = replace(network, module=module.to(memory_format=torch.channels_last))
    with torch.no_grad():
        before, after = (representation(each, layer, noise) for each in (network, light))
    same = float((after - before).norm()) <= TOLERANCE * float(before.norm())
    return light if same else None


def _pairs(network: Network, images: Tensor) -> dict[str, str]:
    """Convolution → batch-norm, by name, where the one's output goes straight into the other."""
    made_by: dict[int, tuple[str, Tensor]] = {}
    pairs: dict[str, str] = {}
    uses: Counter[str] = Counter()

    def after(name: str):
        def hook(_module, _args, output) -> None:
            uses[name] += 1
            made_by[id(output)] = (name, output)

        return hook

    def before(name: str):
        def hook(_module, args) -> None:
            uses[name] += 1
            maker, output = made_by.get(id(args[0]), ("", None))
            if output is args[0]:
                pairs[maker] = name

        return hook

    with network.lock, ExitStack() as hooks, torch.no_grad():
        for name, module in network.module.named_modules():
            if type(module) is nn.Conv2d:
                hooks.callback(module.register_forward_hook(after(name)).remove)
            elif type(module) is nn.BatchNorm2d and module.track_running_stats:
                hooks.callback(module.register_forward_pre_hook(before(name)).remove)
        network.module(network.normalise(images))
    return {one: other for one, other in pairs.items() if uses[one] == uses[other] == 1}
