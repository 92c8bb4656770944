"""The picture of docs/method.md, one IRI a loss variant: `python docs/variants.py`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MODELS = ("embedded:residual-multi-standard", "embedded:residual-multi-adv2")
CELL, LABEL, PER_ROW = 72, 34, 9


def main() -> None:
    """Make every variant with both networks, print seconds and distances, save the sheet."""
    from explorer import Request, generate
    from explorer.losses.variants import LOSSES

    font = ImageFont.load_default(size=9)
    rows = -(-len(LOSSES) // PER_ROW)
    sheet = Image.new("RGB", (PER_ROW * CELL, rows * (2 * CELL + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    slowest = 0.0
    for place, name in enumerate(LOSSES):
        left, top = place % PER_ROW * CELL, place // PER_ROW * (2 * CELL + LABEL)
        words = name.replace("+", "\n+").replace("adversarial-", "adversarial\n-")
        draw.multiline_text((left + 2, top + 1), words, fill="black", font=font, spacing=0)
        for number, model in enumerate(MODELS):
            begun = time.monotonic()
            result = generate(Request(model=model, loss=name, target="coffee", seed="noise"))
            seconds = time.monotonic() - begun
            slowest = max(slowest, seconds if place else 0.0)  # the first one loads everything
            distance = result.match["after_8bit"]["relative_l2"]
            print(f"| `{name}` | {model} | {distance:.3f} | {seconds:.1f} s |", flush=True)
            pixels = np.rint(result.iri * 255).astype(np.uint8).transpose(1, 2, 0)
            sheet.paste(Image.fromarray(pixels), (left + 4, top + LABEL + number * CELL))
    sheet.save(ROOT / "docs" / "variants.png", optimize=True)
    print(f"slowest: {slowest:.1f} s")


if __name__ == "__main__":
    main()
