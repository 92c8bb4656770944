"""Layers in plain words: `layer3.1` → "stage 3, block 2, after addition". No torch.

Worked out from a module's name and class alone, for the ways in which torchvision, timm and our
own networks name their parts; what is not recognised keeps its own name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from explorer.models.cifar_layer_names import usual_name
from explorer.models.fire_modules import in_blocks
from explorer.models.names import LOGITS, PENULTIMATE

STEM, HEAD = "stem", "head"

_FIXED = {
    PENULTIMATE: "input of the classifier",
    LOGITS: "the class scores",
}
_CONTAINERS = {
    "stages": "stage",
    "stage": "stage",
    "layers": "stage",
    "levels": "stage",
    "network": "stage",
    "blocks": "block",
    "resblocks": "block",
    "features": "step",
}
"""Followed by a number, counted from 0."""

_COUNTED = {
    "layer": "stage",
    "stage": "stage",
    "stack": "stack",
    "denseblock": "dense block",
    "denselayer": "layer",
    "transition": "transition",
    "encoder_layer_": "block",
    "conv": "convolution",
    "bn": "normalisation",
    "norm": "normalisation",
    "ln_": "normalisation",
    "act": "activation",
    "relu": "activation",
    "fc": "linear layer",
    "drop_path": "branch",
    "ls": "branch, scaled",
    "pool": "pooling",
    "maxpool": "pooling",
}
"""With their number in the name; the outer ones of a transformer (`encoder_layer_0`) from 0."""

_WORDS = {
    "attn": "attention",
    "self_attention": "attention",
    "attention": "attention",
    "mlp": "MLP",
    "mlp_tokens": "mixing of tokens",
    "mlp_channels": "mixing of channels",
    "qkv": "queries, keys and values",
    "proj": "projection",
    "conv": "convolution",
    "bn": "normalisation",
    "batchnorm": "normalisation",
    "norm": "normalisation",
    "act": "activation",
    "relu": "activation",
    "conv_dw": "depthwise convolution",
    "conv_pw": "pointwise convolution",
    "conv_pwl": "pointwise convolution",
    "conv_stem": "convolution of the stem",
    "conv_head": "convolution of the head",
    "conv_proj": "patches",
    "se": "squeeze and excite",
    "patch_embed": "patches",
    "pos_drop": "with positions",
    "shortcut": "shortcut",
    "convShortcut": "shortcut",
    "skip": "shortcut",
    "grid": "grid",
    "tokens": "tokens",
    "stem": "stem",
    "avgpool": "pooling",
    "maxpool": "pooling",
    "global_pool": "pooling",
    "pool": "pooling",
    "flatten": "flattened",
    "fc": "classifier",
    "classifier": "classifier",
    "head": "head",
    "heads": "head",
}
_OMITTED = (
    "encoder",
    "trunk",
    "visual",
    "model",
    "features",
    "block",
    "blocks",
    "layers",
    "stages",
)
_KINDS = {
    re.compile(pattern): word
    for pattern, word in {
        r"(Scaled|Std)*Conv\d?d(Same|Pad)?": "convolution",
        r"(Group|Layer|Batch|Instance|RMS|Filter|Sync)*(Batch)?Norm\w*": "normalisation",
        r"ReLU6?|LeakyReLU|GELU|SiLU|Hard\w+|Sigmoid|Tanh|QuickGELU|Mish": "activation",
        r"\w*(Max|Avg)Pool\w*": "pooling",
        r"Linear|NonDynamically\w*": "linear layer",
        r"Dropout\d?d?|Identity|DropPath|StochasticDepth": "as before",
    }.items()
}
_ADDS = (
    "BasicBlock",
    "PreActBlock",
    "WideBlock",
    "Bottleneck",
    "BottleneckBlock",
    "ResidualBlock",
    "Block",
    "CNBlock",
    "ConvNeXtBlock",
    "EncoderBlock",
    "MixerBlock",
    "ResBlock",
    "SwinTransformerBlock",
    "TransformerBlock",
)
_SECTIONS = ("stage", "block", "stack", "step", "dense", "Mixed", "inception3", "inception4")
"""How the outermost numbered parts of a network begin, in words."""

_PASS_THROUGH = ("Identity", "Dropout", "DropPath", "StochasticDepth")
_USE = re.compile(r"(?P<module>[^#\[]*)(?:#(?P<use>\d+))?(?P<parts>(?:\[[^\]]*\])*)")
LONGEST_NAME = 500
"""Characters that a request's layer may have (`explorer.request`); names of titles are kept."""

_NUMBERED = re.compile(r"([a-z_]+?)([0-9]{1,9})(?:_.*)?")


def layer_title(name: str, kind: str = "", names: Sequence[str] = ()) -> str:
    """A layer's name in plain words.

    kind: its class, which says whether it adds. names: all layers of the network, which say which
    modules of a SqueezeNet are its blocks. What is too long for a layer's name stands as it is.
    """
    if len(name) > LONGEST_NAME:
        return name
    return _title(in_blocks(name, names), kind)


@lru_cache(maxsize=20_000)
def _title(name: str, kind: str) -> str:
    if name in _FIXED:
        return _FIXED[name]
    match = _USE.fullmatch(name)
    if match is None:
        return name
    phrases = [*_phrases(match["module"], kind)]
    if kind in _ADDS and not match["parts"]:
        phrases.append("after addition")
    if match["use"]:
        phrases.append(f"use {match['use']}")
    if match["parts"]:
        phrases.append(f"part {match['parts'].strip('[]').replace('][', ', ')}")
    return ", ".join(phrases)


def is_main(name: str, kind: str) -> bool:
    """Whether the layer is one that people name: a stage, a block, the stem, what comes at the end.

    The rest are the steps within a block, and modules that pass on what they get.
    """
    if name in _FIXED:
        return True
    if kind in _PASS_THROUGH or "#" in name or "[" in name:
        return False
    first, *more = _phrases(name, kind)
    if _leaf(kind):
        return not more or (len(more) == 1 and first.startswith("step"))
    return not more or (len(more) == 1 and more[0].startswith(("block", "layer", "transition")))


def sections(names: Sequence[str]) -> list[str]:
    """The sections of a network in order, from the stem to the head, each once.

    What comes before the first numbered section is the stem, what comes after the last the head.
    """
    numbered = [_numbered_section(name, names) for name in names if not _has_children(name, names)]
    inner = dict.fromkeys(section for section in numbered if section not in ("", HEAD))
    return [STEM, *inner, HEAD]


def section_of(name: str, names: Sequence[str]) -> str:
    """Which of `sections(names)` a layer is in: "stage 3", "block 7", "stem"."""
    own = _numbered_section(f"{name}.layer.0" if f"{name}.layer.0" in names else name, names)
    if own:
        return own
    inner = [
        index
        for index, other in enumerate(names)
        if _numbered_section(other, names) not in ("", HEAD)
    ]
    comes_after = bool(inner) and name in names and list(names).index(name) > inner[0]
    return HEAD if comes_after else STEM


def _numbered_section(name: str, names: Sequence[str]) -> str:
    """The outermost numbered part in which a layer is, "" where there is none."""
    if name in _FIXED:
        return HEAD
    first = _phrases(_module_of(in_blocks(name, names)), "")[0]
    return first if first.startswith(_SECTIONS) else ""


def _module_of(name: str) -> str:
    """The module's name in a layer's, without its use and part (`act#2[0]` → `act`)."""
    return re.split(r"[#\[]", name, maxsplit=1)[0]


def _has_children(name: str, names: Sequence[str]) -> bool:
    """Whether it is a row of others: `blocks.3` is no block where there is a `blocks.3.0`."""
    return f"{name}.0" in names or f"{name}.layer.0" in names


@lru_cache(maxsize=20_000)
def _phrases(module: str, kind: str) -> tuple[str, ...]:
    tokens = usual_name(module, kind).split(".")
    phrases: list[str] = []
    index = 0
    while index < len(tokens):
        token, after = tokens[index], tokens[index + 1 : index + 2]
        numbered = token in _CONTAINERS and after and _is_number(after[0])
        index += 2 if numbered else 1
        last = kind if index == len(tokens) else ""
        if numbered:
            phrases += _counted(_CONTAINERS[token], int(after[0]) + 1, last)
        else:
            word = _word(token, phrases, last)
            phrases += [word] if word else []
    if tokens[-1] in _OMITTED:
        phrases.append("all of it")
    return tuple(phrases) or (module,)


def _counted(what: str, number: int, kind: str) -> list[str]:
    """`block 2`; a row of blocks is a stage, a single operation is named."""
    if what == "block" and kind == "Sequential":
        return [f"stage {number}"]
    return [f"{what} {number}", *([_by_kind(kind)] if _leaf(kind) else [])]


def _word(token: str, phrases: list[str], kind: str) -> str:
    outer = phrases[-1] if phrases else ""
    if _is_number(token):
        if outer.startswith("dense block"):
            return f"layer {int(token) + 1}"
        if outer.startswith(_SECTIONS) and not _leaf(kind):
            # blocks.3.1: what was taken for a block is a stage of blocks.
            phrases[-1] = outer.replace("block", "stage", 1) if outer.startswith("block") else outer
            return f"block {int(token) + 1}"
        return _by_kind(kind) or f"part {int(token) + 1}"
    if token in _OMITTED:
        return ""
    if token == "downsample":
        return "downsampling" if outer.startswith("stage") else "shortcut"
    if token in _WORDS:
        return _WORDS[token]
    match = _NUMBERED.fullmatch(token)
    if match and match[1] in _COUNTED:
        number = int(match[2]) + (match[1] == "encoder_layer_")
        return f"{_COUNTED[match[1]]} {number}"
    return token.replace("_", " ")


def _is_number(token: str) -> bool:
    """Whether it counts modules; neither one of thousands of digits nor a ²."""
    return token.isascii() and token.isdigit() and len(token) < 10


def _by_kind(kind: str) -> str:
    return next((word for pattern, word in _KINDS.items() if pattern.fullmatch(kind)), "")


def _leaf(kind: str) -> bool:
    """Whether the module is a single operation."""
    return bool(_by_kind(kind))
