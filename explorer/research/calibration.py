"""`python -m explorer.research.calibration`: writes explorer/metrics/calibration.json.

Each photograph of the gallery is put into a seed as a person would still recognise it: whole, as an
outline, and as the outline's negative. A measure can tell where it calls most of these copies
nearer their photograph than the seed, and few of them nearer another photograph.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.images import gallery, seeds
from explorer.images.fitting import fit
from explorer.metrics.calibration import PICTURE, TABLE
from explorer.metrics.measure import PerceptualMeasure
from explorer.metrics.registry import PERCEPTUAL_MEASURES

SIDES = (32, 64, 224)
STRENGTH = {PICTURE: 0.7}
"""Of the copy, the seed having the rest; half where nothing else is said. Half of a photograph in
another one is the picture of neither."""

HALF = 0.5
OUTLINE_FROM = 16
"""An outline is what a blur of side / OUTLINE_FROM takes away …"""
OUTLINE_CONTRAST = 0.2
"""… at this standard deviation around middle grey."""
OTHERS = (1, 5)
"""By how many places in the gallery the wrong photographs are away; a seed's is 3 away."""
SEED_AWAY = 3


def copies(photographs: Tensor, seed_images: Tensor, strength: float) -> Tensor:
    """Three recognisable copies of each photograph in its seed, 3×N×3×H×W in [0, 1].

    photographs, seed_images: N×3×H×W in [0, 1]. strength: of the copy, the seed having the rest.
    """
    fine = photographs - _blurred(photographs, photographs.shape[-1] / OUTLINE_FROM)
    deviation = fine.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)
    outline = OUTLINE_CONTRAST * fine / deviation
    drawn = torch.stack([photographs, 0.5 + outline, 0.5 - outline]).clamp(0, 1)
    return _in_8bit((1 - strength) * seed_images + strength * drawn)


def shares(measure: PerceptualMeasure, side: int, seed_kind: str) -> tuple[float, float]:
    """(right, wrong) of `explorer.metrics.calibration.Calibration`, over all copies."""
    photographs = _photographs(side)
    seed_images = _seeds(seed_kind, photographs)
    sign = 1 if measure.nearer == "higher" else -1
    right, wrong = [], []
    with torch.no_grad():
        for each in copies(photographs, seed_images, STRENGTH.get(seed_kind, HALF)):
            to_seed = sign * measure.function(each, seed_images)
            right.append(sign * measure.function(each, photographs) > to_seed)
            for away in OTHERS:
                other = photographs.roll(away, 0)
                wrong.append(sign * measure.function(each, other) > to_seed)
    return _share(right), _share(wrong)


def _share(answers: Sequence[Tensor]) -> float:
    return round(torch.stack(list(answers)).float().mean().item(), 3)


def table(
    measures: Sequence[PerceptualMeasure], say: Callable[[str], None]
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """The shares of these measures by name, side in px and kind of seed, as in the file."""
    rows: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for measure in measures:
        for side in SIDES:
            if side < measure.smallest or measure.unavailable_reason(False):
                continue
            by_seed = {kind: shares(measure, side, kind) for kind in (*seeds.kinds(), PICTURE)}
            rows.setdefault(measure.name, {})[str(side)] = by_seed
            say(f"{measure.name} {side} px")
    return rows


def _photographs(side: int) -> Tensor:
    pictures = [fit(gallery.load(name), (side, side)) for name in gallery.names()]
    return torch.from_numpy(np.stack(pictures)).float()


def _seeds(kind: str, photographs: Tensor) -> Tensor:
    if kind == PICTURE:
        return photographs.roll(SEED_AWAY, 0)
    size = (photographs.shape[-2], photographs.shape[-1])
    drawn = [seeds.make_seed(kind, size, number, 3) for number in range(len(photographs))]
    return torch.from_numpy(np.stack(drawn)).float()


def _blurred(images: Tensor, sigma: float) -> Tensor:
    reach = round(3 * sigma)
    places = torch.arange(-reach, reach + 1, dtype=images.dtype)
    bell = (-places.square() / (2 * sigma**2)).exp()
    row = (bell / bell.sum()).expand(images.shape[1], 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, row, groups=images.shape[1])
    return F.conv2d(across, row.transpose(2, 3), groups=images.shape[1])


def _in_8bit(images: Tensor) -> Tensor:
    return (images * 255).round() / 255


def main() -> None:
    """Writes the table; measures whose weights are not here keep the rows they have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", help="only these, the others stay (default: all)")
    names = parser.parse_args().measures or list(PERCEPTUAL_MEASURES)
    for name in names:
        made = table([PERCEPTUAL_MEASURES.named(name)], print)
        _write({**_read(), **made})


def _read() -> dict[str, dict[str, object]]:
    """The rows of the file, of measures that are still there."""
    if not TABLE.is_file():
        return {}
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["measures"]
    return {name: row for name, row in rows.items() if name in PERCEPTUAL_MEASURES}


def _write(rows: Mapping[str, Mapping[str, object]]) -> None:
    """One line a side, so that a change is read in a diff."""
    measures = []
    for name in sorted(rows):
        sides = [f"  {json.dumps(side)}: {json.dumps(row)}" for side, row in rows[name].items()]
        measures.append(f"{json.dumps(name)}: {{\n" + ",\n".join(sides) + "\n}")
    text = '{"measures": {\n' + ",\n".join(measures) + "\n}}\n"
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
