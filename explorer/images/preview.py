"""Previews: a picture while it is still being made, small enough to be sent a few times a second.

Up to SMALL_PX a side browsers draw it pixel by pixel and the PNG is small; a larger one is sent as
JPEG, which takes a tenth of the bytes. The finished picture is always the PNG.
"""

from __future__ import annotations

import io

from PIL import Image

SMALL_PX = 160
"""Larger side up to which a picture is drawn without smoothing, as in `pictures.js`."""

_QUALITY = 82


def preview(png: bytes) -> tuple[bytes, str]:
    """A preview of a PNG file that this project wrote, and its media type."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if max(image.size) <= SMALL_PX:
            return png, "image/png"
        file = io.BytesIO()
        # Colours at full resolution: noise would turn grey otherwise.
        image.convert("RGB").save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue(), "image/jpeg"
