"""Writes the pretrained list, `pretrained.tsv`: `python -m explorer.research.pretrained_table`.

Run when timm or torchvision is upgraded. It takes some minutes, because the parameters of every
architecture are counted on the meta device, without memory for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
from timm.data.config import resolve_data_config
from torchvision import models

from explorer.models.architectures.torchvision import input_spec
from explorer.models.pretrained import COLUMNS, TABLE, PretrainedEntry


def count_parameters(architecture: str) -> int:
    """How many numbers one of timm's architectures is made of."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = timm.create_model(architecture)
    return sum(parameter.numel() for parameter in module.parameters())


def of_timm(count: Callable[[str], int] = count_parameters) -> Iterator[PretrainedEntry]:
    """Every pretrained name of timm that takes RGB pictures."""
    counts: dict[str, int] = {}
    for name in timm.list_pretrained():
        config: Any = timm.get_pretrained_cfg(name)
        architecture = name.partition(".")[0]
        if config.input_size[0] != 3:
            continue
        if architecture not in counts:
            counts[architecture] = count(architecture)
        data = resolve_data_config(pretrained_cfg=config.to_dict())
        location = str(config.hf_hub_id or config.url)
        yield PretrainedEntry(
            f"timm:{name}",
            counts[architecture],
            round(counts[architecture] * 4 / 1e6),
            tuple(config.input_size[1:]),
            float(data["crop_pct"]),
            data["crop_mode"],
            data["interpolation"],
            tuple(map(float, data["mean"])),
            tuple(map(float, data["std"])),
            config.license or "unknown",
            f"timm/{name}" if location == "timm/" else location,
        )


def of_torchvision() -> Iterator[PretrainedEntry]:
    """Every set of weights of torchvision's classification networks that has a classifier."""
    for name in models.list_models(module=models):
        published: Any = models.get_model_weights(name)
        usable = [weights for weights in published if weights.meta["categories"]]
        usable.sort(key=lambda weights: weights != published.DEFAULT)
        for weights in usable:
            spec = input_spec(weights)
            yield PretrainedEntry(
                f"torchvision:{name}/{weights.name}",
                weights.meta["num_params"],
                round(weights.meta["_file_size"] * 2**20 / 1e6),
                spec.size,
                spec.crop_pct,
                spec.crop_mode,
                spec.interpolation,
                spec.mean,
                spec.std,
                weights.meta.get("license") or "bsd-3-clause",
                weights.url,
            )


def main() -> None:
    """Write the table; default weights come before an architecture's others."""
    rows = [*of_torchvision(), *_defaults_first(list(of_timm()))]
    lines = ["\t".join(COLUMNS), *(row.to_line() for row in rows)]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows):,} networks in {TABLE.name}")


def _defaults_first(rows: list[PretrainedEntry]) -> list[PretrainedEntry]:
    def order(row: PretrainedEntry) -> tuple[str, bool]:
        architecture, _, tag = row.reference.removeprefix("timm:").partition(".")
        default: Any = timm.get_pretrained_cfg(architecture)
        return architecture, tag != default.tag

    return sorted(rows, key=order)


if __name__ == "__main__":
    main()
