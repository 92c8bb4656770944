"""The adversarially trained ImageNet networks of Salman et al. (2020): which there are. No torch.

"Do Adversarially Robust ImageNet Models Transfer Better?", arXiv 2007.08489; checkpoints of the
`robustness` library, MIT licence. The names are those of the authors' published list.
"""

from __future__ import annotations

import difflib
import re
from functools import cache

from explorer.request import RequestError

REPOSITORY = "madrylab/robust-imagenet-models"
REVISION = None
"""The commit to fetch from; None is the newest. See docs/networks.md."""

ARCHITECTURES = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "wide_resnet50_2": "wide_resnet50_2",
    "wide_resnet50_4": "wide_resnet50_4",
    "densenet": "densenet161",
    "mnasnet": "mnasnet1_0",
    "mobilenet": "mobilenet_v2",
    "resnext50_32x4d": "resnext50_32x4d",
    "shufflenet": "shufflenet_v2_x1_0",
    "vgg16_bn": "vgg16_bn",
}
"""By the name in the checkpoint's file, torchvision's name of the architecture."""

WIDE_RESNET50_4_PARAMETERS = 223_439_144
"""The one architecture that torchvision has not."""

_FULL = ("resnet18", "resnet50", "wide_resnet50_2", "wide_resnet50_4")
_L2_ALL = ("0", "0.01", "0.03", "0.05", "0.1", "0.25", "0.5", "1", "3", "5")
_LINF_ALL = ("0.5", "1.0", "2.0", "4.0", "8.0")
_NAME = re.compile(r"(?P<architecture>\w+)_(?P<norm>l2|linf)_eps(?P<epsilon>[\d.]+)")


@cache
def names() -> tuple[str, ...]:
    """Every published name, such as `resnet50_l2_eps3` and `resnet50_linf_eps4.0`.

    ε is a radius on images in [0, 1]: ℓ₂ as it stands, ℓ∞ in 255ths.
    """
    l2 = [
        f"{architecture}_l2_eps{epsilon}"
        for architecture in ARCHITECTURES
        for epsilon in (_L2_ALL if architecture in _FULL else ("0", "3"))
    ]
    linf = [f"{name}_linf_eps{epsilon}" for name in _FULL[:3] for epsilon in _LINF_ALL]
    return (*l2, *linf)


def parts(name: str) -> tuple[str, str, float]:
    """(architecture, `l2` or `linf`, ε) of a name; RequestError lists the nearest ones."""
    found = _NAME.fullmatch(name)
    if found is None or name not in names():
        near = difflib.get_close_matches(name, names(), n=3, cutoff=0.5)
        meant = " or ".join(repr(f"robust:{one}") for one in near)
        raise RequestError(
            "model",
            f"there is no robust network {name!r}; "
            + (f"did you mean {meant}? " if near else "")
            + f"there are {len(names())}, such as 'robust:resnet50_l2_eps3'",
        )
    return found["architecture"], found["norm"], float(found["epsilon"])


def file_name(name: str) -> str:
    """The checkpoint's file in the repository."""
    return f"{name}.ckpt"
