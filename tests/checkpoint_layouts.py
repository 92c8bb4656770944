"""The layouts in which people save a network, each made in a line or two from its state dict.

Whoever adds one writes a row: what saves it, how, and where its weights are found.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Layout:
    """One layout.

    what: who saves it, for the table in the documentation. content: of a module, what is saved.
    where: the dict and the prefix from which the weights are taken, as the result's origins say.
    """

    what: str
    content: Callable[[nn.Module], Any]
    where: str


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def other(state: State) -> State:
    """Weights of the same shapes that are not those that should be taken."""
    return {name: tensor + 1 for name, tensor in state.items()}


def headless(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def projector(name: str = "projector", width: int = 96) -> State:
    return {
        f"{name}.0.weight": torch.zeros(width, width),
        f"{name}.1.running_mean": torch.zeros(width),
        f"{name}.3.weight": torch.zeros(128, width),
    }


def moco_head(width: int = 96) -> State:
    """MoCo v2's, where the classifier was."""
    return {
        "fc.0.weight": torch.zeros(width, width),
        "fc.0.bias": torch.zeros(width),
        "fc.2.weight": torch.zeros(128, width),
        "fc.2.bias": torch.zeros(128),
    }


QUEUE = {"queue": torch.zeros(128, 64), "queue_ptr": torch.zeros(1, dtype=torch.long)}


def moco(module: nn.Module, base: str, momentum: str) -> State:
    state = headless(module.state_dict()) | moco_head()
    return under(f"module.{base}.", state) | under(f"module.{momentum}.", other(state))


def trained(module: nn.Module, /, **content: Any) -> dict[str, Any]:
    """What a training script saves besides."""
    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimiser = torch.optim.AdamW(parameters)
    optimiser.step()
    return {
        **content,
        "optimizer": optimiser.state_dict(),
        "epoch": 90,
        "args": argparse.Namespace(lr=0.1),
        "best_acc1": torch.tensor(71.3),
        "history": {"loss": np.arange(3.0)},
        "rng_state": torch.get_rng_state(),
    }


def part_compiled(state: State) -> State:
    """torch.compile of some blocks only."""
    return {name.replace("layer2.", "layer2._orig_mod."): t for name, t in state.items()}


def wrapped_blocks(state: State) -> State:
    """FSDP with activation checkpointing around every stage."""
    names = {
        f"layer{i}.": f"layer{i}._fsdp_wrapped_module._checkpoint_wrapped_module." for i in "1234"
    }
    return {f"_fsdp_wrapped_module.{names.get(n[:7], n[:7])}{n[7:]}": t for n, t in state.items()}


def averaged(module: nn.Module) -> State:
    return torch.optim.swa_utils.AveragedModel(module).state_dict()


def lightning(module: nn.Module, prefix: str) -> dict[str, Any]:
    return trained(
        module,
        state_dict=under(prefix, module.state_dict()) | {"criterion.weight": torch.ones(1000)},
        **{"pytorch-lightning_version": "2.4.0", "hyper_parameters": {"lr": 0.1}},
        callbacks={"ModelCheckpoint{'monitor': 'val_acc'}": {"best_model_score": torch.ones(())}},
        loops={"fit_loop": {"state_dict": {}}},
    )


def pruned(state: State) -> State:
    name = "layer2.0.conv1.weight"
    mask = (state[name] != 0).float()
    return {n: t for n, t in state.items() if n != name} | {
        f"{name}_orig": state[name] * mask + (1 - mask),
        f"{name}_mask": mask,
    }


def profiled(state: State) -> State:
    """thop leaves its counters on every module."""
    return state | {f"{n[:-6]}total_ops": torch.zeros(1) for n in state if n.endswith(".weight")}


def in_sequence(module: nn.Module, prefix: str) -> State:
    """A Sequential of the network's children without the last, as SimCLR's reimplementations do."""
    return under(prefix, nn.Sequential(*list(module.children())[:-1]).state_dict())


def _of(key: str) -> Callable[[nn.Module], Any]:
    return lambda module: trained(module, **{key: module.state_dict()})


def _under(prefix: str) -> Callable[[nn.Module], Any]:
    return lambda module: {"state_dict": under(prefix, module.state_dict())}


LAYOUTS: dict[str, Layout] = {
    "state_dict": Layout("model.state_dict() alone", lambda m: m.state_dict(), "net.pt"),
    "parameters": Layout(
        "named_parameters and named_buffers",
        lambda m: dict(m.named_parameters()) | dict(m.named_buffers()),
        "net.pt",
    ),
    "arrays": Layout(
        "NumPy arrays by the tensors' names",
        lambda m: {n: t.numpy() for n, t in m.state_dict().items()},
        "net.pt",
    ),
    **{
        f"key {key}": Layout(what, _of(key), f"{key} of net.pt")
        for key, what in {
            "state_dict": "PyTorch's ImageNet example, timm",
            "model": "DeiT, ConvNeXt, fastai, torchvision's references",
            "model_state_dict": "PyTorch's tutorial, open_lth",
            "net": "kuangliu/pytorch-cifar",
            "params": "BasicSR",
            "weights": "a key of one's own",
            "model_state": "a key of one's own",
            "network": "a key of one's own",
            "module": "DeepSpeed",
            "ema": "an average without the weights themselves",
            "model_ema": "an average without the weights themselves",
            "params_ema": "an average without the weights themselves",
            "teacher": "a teacher without its student",
        }.items()
    },
    "nested": Layout(
        "a training state with the model's",
        lambda m: {"model": {"state_dict": m.state_dict()}},
        "model/state_dict of net.pt",
    ),
    "vissl": Layout(
        "VISSL",
        lambda m: {
            "classy_state_dict": {
                "base_model": {
                    "model": {
                        "trunk": under("_feature_blocks.", headless(m.state_dict())),
                        "heads": {"0.clf.0.weight": torch.zeros(10, 3)},
                    }
                }
            }
        },
        "classy_state_dict/base_model/model/trunk of net.pt, without the prefix _feature_blocks.",
    ),
    "tuple": Layout(
        "a tuple of state dicts", lambda m: (m.state_dict(), {"lr": 0.1}), "0 of net.pt"
    ),
    **{
        f"prefix {prefix}": Layout(
            what, _under(prefix), f"state_dict of net.pt, without the prefix {prefix}"
        )
        for prefix, what in {
            "module.": "DataParallel, DistributedDataParallel",
            "_orig_mod.": "torch.compile",
            "_orig_mod.module.": "torch.compile of DistributedDataParallel",
            "module._orig_mod.": "DistributedDataParallel of torch.compile",
            "model._orig_mod.": "torch.compile inside Lightning",
            "module.model.": "DataParallel around a wrapper",
            "model.": "a wrapper's name",
            "net.": "a wrapper's name",
            "network.": "a wrapper's name",
            "resnet.": "a wrapper's name",
            "backbone.": "a wrapper's name",
            "encoder.": "a wrapper's name",
            "feature_extractor.cnn.": "wrappers within wrappers",
            "timm_model.": "Hugging Face's TimmWrapper",
            "_forward_module.": "Lightning Fabric",
        }.items()
    },
    "part compiled": Layout(
        "torch.compile of one stage", lambda m: part_compiled(m.state_dict()), "net.pt"
    ),
    "fsdp": Layout(
        "FSDP with activation checkpointing",
        lambda m: wrapped_blocks(m.state_dict()),
        "net.pt, without the prefix _fsdp_wrapped_module.",
    ),
    "lightning": Layout(
        "Lightning, with criterion, callbacks and loops",
        lambda m: lightning(m, "model."),
        "state_dict of net.pt, without the prefix model.",
    ),
    "swa": Layout(
        "torch.optim.swa_utils.AveragedModel",
        lambda m: {"ema_state_dict": averaged(m)},
        "ema_state_dict of net.pt, without the prefix module.",
    ),
    "swa of ddp": Layout(
        "AveragedModel of DataParallel",
        lambda m: averaged(nn.DataParallel(m)),
        "net.pt, without the prefix module.module.",
    ),
    "timm with ema": Layout(
        "timm with --model-ema",
        lambda m: trained(m, state_dict=m.state_dict(), state_dict_ema=other(m.state_dict())),
        "state_dict of net.pt",
    ),
    "ema first": Layout(
        "an average saved before the weights",
        lambda m: {"model_ema": other(m.state_dict()), "model": m.state_dict()},
        "model of net.pt",
    ),
    "ema in one dict": Layout(
        "a Lightning module that holds its average",
        lambda m: under("ema.module.", other(m.state_dict())) | under("net.", m.state_dict()),
        "net.pt, without the prefix net.",
    ),
    "robustness": Layout(
        "MadryLab/robustness, DataParallel",
        lambda m: trained(
            m,
            model=under("module.model.", m.state_dict())
            | under("module.attacker.model.", m.state_dict()),
        ),
        "model of net.pt, without the prefix module.model.",
    ),
    "normalised sequence": Layout(
        "Sequential(Normalize, network)",
        lambda m: under("1.", m.state_dict()),
        "net.pt, without the prefix 1.",
    ),
    "moco v2": Layout(
        "MoCo v1, v2",
        lambda m: trained(
            m, state_dict=moco(m, "encoder_q", "encoder_k") | under("module.", QUEUE)
        ),
        "state_dict of net.pt, without the prefix module.encoder_q.",
    ),
    "moco v3": Layout(
        "MoCo v3",
        lambda m: {"state_dict": moco(m, "base_encoder", "momentum_encoder")},
        "state_dict of net.pt, without the prefix module.base_encoder.",
    ),
    "openselfsup": Layout(
        "OpenSelfSup, mmselfsup 0.x",
        lambda m: {
            "state_dict": under("encoder_q.0.", headless(m.state_dict()))
            | under("encoder_q.1.", projector("mlp"))
            | under("encoder_k.0.", headless(other(m.state_dict())))
            | QUEUE,
            "meta": {"mmcv_version": "1.3"},
        },
        "state_dict of net.pt, without the prefix encoder_q.0.",
    ),
    "mmpretrain": Layout(
        "mmpretrain's backbone and neck",
        lambda m: {
            "state_dict": under("backbone.", headless(m.state_dict())) | projector("neck.mlp")
        },
        "state_dict of net.pt, without the prefix backbone.",
    ),
    "simclr": Layout(
        "SimCLR, the classifier an MLP",
        lambda m: {"state_dict": under("backbone.", headless(m.state_dict()) | moco_head())},
        "state_dict of net.pt, without the prefix backbone.",
    ),
    "simclr in a sequence": Layout(
        "SimCLR, the network's children in a Sequential",
        lambda m: in_sequence(m, "f.") | projector("g"),
        "net.pt, without the prefix f.",
    ),
    "supcon": Layout(
        "SupContrast",
        lambda m: trained(
            m, model=under("encoder.module.", headless(m.state_dict())) | projector("head")
        ),
        "model of net.pt, without the prefix encoder.module.",
    ),
    "simsiam": Layout(
        "SimSiam",
        lambda m: {
            "state_dict": under("module.encoder.", headless(m.state_dict()) | moco_head())
            | under("module.", projector("predictor"))
        },
        "state_dict of net.pt, without the prefix module.encoder.",
    ),
    "byol": Layout(
        "BYOL, lucidrains/byol-pytorch",
        lambda m: (
            under("target_encoder.net.", other(m.state_dict()))
            | under("online_encoder.net.", m.state_dict())
            | projector("online_predictor")
        ),
        "net.pt, without the prefix online_encoder.net.",
    ),
    "solo-learn": Layout(
        "solo-learn",
        lambda m: {
            "state_dict": under("momentum_backbone.", headless(other(m.state_dict())))
            | under("backbone.", headless(m.state_dict()))
            | projector()
        },
        "state_dict of net.pt, without the prefix backbone.",
    ),
    "swav": Layout(
        "SwAV, DeepCluster v2",
        lambda m: (
            under("module.", headless(m.state_dict()) | projector("projection_head"))
            | {"module.prototypes.weight": torch.zeros(300, 128)}
        ),
        "net.pt, without the prefix module.",
    ),
    "barlow twins": Layout(
        "Barlow Twins, VICReg",
        lambda m: trained(
            m,
            model=under("module.backbone.", headless(m.state_dict()))
            | projector("module.projector"),
        ),
        "model of net.pt, without the prefix module.backbone.",
    ),
    "dino": Layout(
        "DINO, iBOT",
        lambda m: trained(
            m,
            student=under("module.backbone.", headless(other(m.state_dict())))
            | projector("module.head"),
            teacher=under("backbone.", headless(m.state_dict())) | projector("head"),
        ),
        "teacher of net.pt, without the prefix backbone.",
    ),
    "parts": Layout(
        "the encoder's state dict next to the head's",
        lambda m: {
            "encoder": headless(m.state_dict()),
            "head": {n[3:]: t for n, t in m.state_dict().items() if n.startswith("fc.")},
        },
        "encoder of net.pt",
    ),
    "no counters": Layout(
        "PyTorch before 0.4.1: no num_batches_tracked",
        lambda m: {n: t for n, t in m.state_dict().items() if "num_batches" not in n},
        "net.pt",
    ),
    "pruned": Layout("torch.nn.utils.prune", lambda m: pruned(m.state_dict()), "net.pt"),
    "profiled": Layout("thop's counters", lambda m: profiled(m.state_dict()), "net.pt"),
    "float64": Layout("weights in float64", lambda m: _as(m, torch.float64), "net.pt"),
    "ordered": Layout(
        "an OrderedDict with its metadata",
        lambda m: {"state_dict": OrderedDict(m.state_dict())},
        "state_dict of net.pt",
    ),
}
"""By name, for timm's `test_resnet`."""


def _as(module: nn.Module, kind: torch.dtype) -> State:
    return {n: t.to(kind) if t.is_floating_point() else t for n, t in module.state_dict().items()}
