"""Pictures: untrusted files read safely, fitting to a network, the bundled gallery, and seeds."""

from .encoding import from_8bit, from_png, to_8bit, to_png
from .errors import PictureError
from .fitting import fit
from .reading import digest, normalise, read_picture
from .seeds import make_seed

__all__ = [
    "PictureError",
    "digest",
    "fit",
    "from_8bit",
    "from_png",
    "make_seed",
    "normalise",
    "read_picture",
    "to_8bit",
    "to_png",
]
