"""The picture of docs/losses-and-optimisers.md: one IRI a loss variant, of two networks.

python -m explorer.research.figures.loss_variants
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PICTURE = "variants.png"
NETWORKS = ("embedded:imagenette-residual-standard", "embedded:imagenette-residual-adv1")
CELL, PICTURE_HEIGHT, LABEL, PER_ROW = 72, 78, 34, 9


def write(documents: Path) -> None:
    """Generate an IRI of each variant and network; a contact sheet with its distance under each."""
    from explorer import Request, generate
    from explorer.losses.variants import LOSSES

    font = ImageFont.load_default(size=9)
    rows = -(-len(LOSSES) // PER_ROW)
    sheet = Image.new("RGB", (PER_ROW * CELL, rows * (2 * PICTURE_HEIGHT + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, name in enumerate(LOSSES):
        left, top = place % PER_ROW * CELL, place // PER_ROW * (2 * PICTURE_HEIGHT + LABEL)
        caption = name.replace("+", "\n+").replace("adversarial-", "adversarial\n-")
        draw.multiline_text((left + 2, top + 1), caption, fill="black", font=font, spacing=0)
        for number, model in enumerate(NETWORKS):
            started_at = time.monotonic()
            result = generate(Request(model=model, loss=name, target="coffee", seed="noise"))
            seconds = time.monotonic() - started_at
            distance = result.to_json()["match"]["after_8bit"]["relative_l2"]
            print(f"{name}, {model}: {distance:.3f} in {seconds:.1f} s", flush=True)
            pixels = np.rint(result.iri * 255).astype(np.uint8).transpose(1, 2, 0)
            place_y = top + LABEL + number * PICTURE_HEIGHT
            sheet.paste(Image.fromarray(pixels), (left + 4, place_y))
            draw.text((left + 4, place_y + 64), f"{distance:.3f}", fill="black", font=font)
    sheet.save(documents / PICTURE, optimize=True)


if __name__ == "__main__":
    write(Path("docs"))
