"""The layer names of CIFAR repositories in torchvision's words, for layer titles. No torch."""

from __future__ import annotations

import re

_BEGINNINGS = (
    (r"(?:sub_)?block(\d+)\.layer\.(\d+)", "layer{0}.{1}", 0),
    (r"layer\.(\d+)\.block\.(\d+)", "layer{0}.{1}", 1),
    (r"layer[._](\d+)", "layer{0}", 1),
    (r"conv(\d+)_x\.(\d+)", "layer{0}.{1}", -1),
    (r"conv(\d+)_x", "layer{0}", -1),
    (r"dense(\d+)\.(\d+)", "denseblock{0}.{1}", 0),
    (r"dense(\d+)", "denseblock{0}", 0),
    (r"trans(\d+)", "transition{0}", 0),
    (r"linear$", "fc", 0),
    (r"(?:init_conv|conv_2d)$", "conv_stem", 0),
)
"""How CIFAR networks begin their names, in torchvision's words, and what the first number lacks."""

_PARTS = {"batchnorm_": "bn", "relu_": "relu", "conv_": "conv", "conv_2d_": "conv"}
"""Parts of DeepMind's blocks, counted from 0 but for the last."""


def usual_name(module: str, kind: str) -> str:
    """A CIFAR network's name as torchvision would write it; any other as it is."""
    if kind == "WideStage" and "." not in module:
        return f"layer{module[-1]}"
    for pattern, usual, lacking in _BEGINNINGS:
        match = re.match(pattern, module)
        if match and module[match.end() : match.end() + 1] in ("", "."):
            first, *others = match.groups() or ("0",)
            start = usual.format(int(first) + lacking, *others)
            return start + re.sub(r"\.(\w+_)(\d)$", _usual_part, module[match.end() :])
    return module


def _usual_part(match: re.Match[str]) -> str:
    if match[1] not in _PARTS:
        return match[0]
    return f".{_PARTS[match[1]]}{int(match[2]) + (match[1] != 'conv_2d_')}"
