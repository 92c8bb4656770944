"""`python -m explorer.research.calibration`: writes explorer/metrics/calibration.json.

Each picture, of the gallery and of drawn ones, is put into a seed as a person would still recognise
it: whole, as an outline, and as the outline's negative. A measure can tell where it calls most of
these copies nearer their picture than the seed, and few of them nearer another of its kind.
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
from explorer.metrics.calibration import DRAWN, PHOTOGRAPH, PICTURE, TABLE, TARGET_KINDS
from explorer.metrics.measure import PerceptualMeasure
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.zoo.pictures import picture

SIDES = {PHOTOGRAPH: (32, 64, 224), DRAWN: (64,)}
"""In px, by kind of target; drawn ones are made for the embedded networks, which take 64 px."""
DRAWN_PICTURES = 32
"""The first of those that no network learned from; `iri reproduce` and `align` take later ones."""
STRENGTH = {PICTURE: 0.7}
"""Of the copy, the seed having the rest; half where nothing else is said. Half of a photograph in
another one is the picture of neither."""

HALF = 0.5
OUTLINE_FROM = 16
"""An outline is what a blur of side / OUTLINE_FROM takes away …"""
OUTLINE_CONTRAST = 0.2
"""… at this standard deviation around middle grey."""
OTHERS = {PHOTOGRAPH: (1, 5), DRAWN: (1, 2, 3, 4, 5)}
"""How many places on the wrong pictures are, by kind of target; a photograph as seed is 3 on."""
SEED_AWAY = 3


def copies(pictures: Tensor, seed_images: Tensor, strength: float) -> Tensor:
    """Three recognisable copies of each picture in its seed, 3×N×3×H×W in [0, 1].

    pictures, seed_images: N×3×H×W in [0, 1]. strength: of the copy, the seed having the rest.
    """
    fine = pictures - _blurred(pictures, pictures.shape[-1] / OUTLINE_FROM)
    deviation = fine.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)
    outline = OUTLINE_CONTRAST * fine / deviation
    drawn = torch.stack([pictures, 0.5 + outline, 0.5 - outline]).clamp(0, 1)
    return _in_8bit((1 - strength) * seed_images + strength * drawn)


def shares(
    measure: PerceptualMeasure, side: int, seed_kind: str, target_kind: str = PHOTOGRAPH
) -> tuple[float, float]:
    """(right, wrong) of `explorer.metrics.calibration.Calibration`, over all copies."""
    targets = _photographs(side) if target_kind == PHOTOGRAPH else _drawn(side)
    seed_images = _seeds(seed_kind, side, len(targets))
    sign = 1 if measure.nearer == "higher" else -1
    right, wrong = [], []
    with torch.no_grad():
        for each in copies(targets, seed_images, STRENGTH.get(seed_kind, HALF)):
            to_seed = sign * measure.function(each, seed_images)
            right.append(sign * measure.function(each, targets) > to_seed)
            for away in OTHERS[target_kind]:
                other = targets.roll(away, 0)
                wrong.append(sign * measure.function(each, other) > to_seed)
    return _share(right), _share(wrong)


def _share(answers: Sequence[Tensor]) -> float:
    return round(torch.stack(list(answers)).float().mean().item(), 3)


def table(
    measures: Sequence[PerceptualMeasure], target_kind: str, say: Callable[[str], None]
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """The shares of these measures by name, side in px and kind of seed, as in the file."""
    rows: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for measure in measures:
        for side in SIDES[target_kind]:
            if side < measure.smallest or measure.unavailable_reason(False):
                continue
            by_seed = {
                kind: shares(measure, side, kind, target_kind) for kind in (*seeds.kinds(), PICTURE)
            }
            rows.setdefault(measure.name, {})[str(side)] = by_seed
            say(f"{measure.name} {side} px, {target_kind}")
    return rows


def _photographs(side: int) -> Tensor:
    pictures = [fit(gallery.load(name), (side, side)) for name in gallery.names()]
    return torch.from_numpy(np.stack(pictures)).float()


def _drawn(side: int) -> Tensor:
    pictures = np.stack([picture(each, "test", side)[0] for each in range(DRAWN_PICTURES)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def _seeds(kind: str, side: int, count: int) -> Tensor:
    """count images; photographs come again from the first one where the gallery has fewer."""
    if kind == PICTURE:
        photographs = _photographs(side).roll(SEED_AWAY, 0)
        return photographs[torch.arange(count) % len(photographs)]
    drawn = [seeds.make_seed(kind, (side, side), number, 3) for number in range(count)]
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
    parser.add_argument(
        "--targets", choices=TARGET_KINDS, help="only this kind of target (default: both)"
    )
    options = parser.parse_args()
    names = options.measures or list(PERCEPTUAL_MEASURES)
    for target_kind in [options.targets] if options.targets else TARGET_KINDS:
        for name in names:
            made = table([PERCEPTUAL_MEASURES.named(name)], target_kind, print)
            rows = _read()
            _write({**rows, target_kind: {**rows[target_kind], **made}})


_Rows = Mapping[str, Mapping[str, object]]


def _read() -> dict[str, _Rows]:
    """The rows of the file by kind of target, of measures that are still there."""
    read = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}
    return {
        kind: {name: row for name, row in read.get(kind, {}).items() if name in PERCEPTUAL_MEASURES}
        for kind in TARGET_KINDS
    }


def _write(table: Mapping[str, _Rows]) -> None:
    """One line a side, so that a change is read in a diff."""
    kinds = []
    for kind, rows in table.items():
        measures = []
        for name in sorted(rows):
            sides = [f"  {json.dumps(side)}: {json.dumps(row)}" for side, row in rows[name].items()]
            measures.append(f"{json.dumps(name)}: {{\n" + ",\n".join(sides) + "\n}")
        kinds.append(f"{json.dumps(kind)}: {{\n" + ",\n".join(measures) + "\n}")
    TABLE.write_text("{" + ",\n".join(kinds) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
