"""Self-supervised ResNet-50s that their authors publish through torch's hub: which there are.

Plain files with torchvision's names inside; no code of theirs is run. No torch here. The addresses
are those of the authors' own repositories (their hubconf.py or README).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from explorer.request import RequestError

PARAMETERS = 23_508_032
"""Of a ResNet-50 without its classifier."""

_HOST = "https://dl.fbaipublicfiles.com"


@dataclass(frozen=True)
class Published:
    """One file: where it is, what it holds beside the network, and under which licence.

    digest: what the content's MD5 (`md5:`) or SHA-256 (`sha256:`) begins with; "" where its
    authors and users name none.
    beside: beginnings of names that belong to the training only (projectors, prototypes).
    """

    name: str
    url: str
    licence: str
    megabytes: int
    digest: str = ""
    beside: tuple[str, ...] = ()


NETWORKS = {
    one.name: one
    for one in (
        Published(
            "resnet50_moco_v2",
            f"{_HOST}/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar",
            "cc-by-nc-4.0",
            340,
            "md5:a04e12f8",
            ("fc.",),
        ),
        Published(
            "resnet50_swav",
            f"{_HOST}/deepcluster/swav_800ep_pretrain.pth.tar",
            "cc-by-nc-4.0",
            113,
            beside=("projection_head.", "prototypes."),
        ),
        Published(
            "resnet50_barlow_twins",
            f"{_HOST}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth",
            "cc-by-nc-4.0",
            94,
            "sha256:cf015f40cc",
        ),
        Published(
            "resnet50_vicreg",
            f"{_HOST}/vicreg/resnet50.pth",
            "cc-by-nc-4.0",
            94,
            "sha256:c843e7652491ff2f712734619fd74d85e5e92ac902615665ad3fd50dc6ada591",
        ),
        Published(
            "resnet50_dino",
            f"{_HOST}/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
            "apache-2.0",
            94,
        ),
    )
}


def named(name: str) -> Published:
    """The network of this name; RequestError lists those that there are."""
    if name in NETWORKS:
        return NETWORKS[name]
    near = difflib.get_close_matches(name, NETWORKS, n=1)
    meant = f"did you mean 'hub:{near[0]}'? " if near else ""
    raise RequestError(
        "model",
        f"there is no hub network {name!r}; {meant}there are "
        + ", ".join(f"'hub:{known}'" for known in NETWORKS),
    )
