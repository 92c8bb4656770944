"""The contact sheet of a reproduction: the first IRIs of every network and loss."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from explorer.images.encoding import to_8bit, to_png
from explorer.research.reproduction.judges import seed_of_claims
from explorer.research.reproduction.plan import SHOWN
from explorer.research.reproduction.tables import Reproduction

CELL = 96
LABEL = 380


def contact_sheet(run: Reproduction) -> Image.Image:
    """Per data set a row of targets, and a row of IRIs per network and loss; pixel-exact, enlarged.

    From the seeds of the claims.
    """
    rows: list[tuple[str, list[str]]] = []
    for dataset, targets in run.targets.items():
        rows.append((f"targets: {targets.text}", [_png(each) for each in targets.images[:SHOWN]]))
        for part in run.parts:
            facts = run.facts[part["network"]]
            if facts.dataset == dataset and part["seed"] == seed_of_claims(facts.side):
                label = f"{part['network']}\n{part['loss']}, from {part['seed']}"
                rows.append((label, part["pictures"]))
    width = LABEL + CELL * max(len(pictures) for _, pictures in rows)
    sheet = Image.new("RGB", (width, CELL * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for number, (label, pictures) in enumerate(rows):
        draw.text((8, number * CELL + CELL // 3), label, fill="black", font=font)
        for index, text in enumerate(pictures):
            with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
                cell = picture.convert("RGB").resize((CELL - 4, CELL - 4), Image.Resampling.NEAREST)
            sheet.paste(cell, (LABEL + index * CELL, number * CELL))
    return sheet


def _png(image: np.ndarray) -> str:
    return base64.b64encode(to_png(to_8bit(image))).decode("ascii")
