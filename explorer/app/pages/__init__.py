"""The app's pages: one record per page, in the order of the navigation.

To add a page, write its script in this folder and add a record below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from explorer.registry import Registry

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Page:
    """A page of the app: a Streamlit script with its name in the address and in the navigation.

    name: its path in the address (`examples` answers at `/examples`; the default page at `/`).
    title: in the navigation. icon: a name of Material Symbols. script: run for every visit.
    layout: `centered` for lines short enough to read. default: the page that opens first.
    """

    name: str
    title: str
    icon: str
    script: Path
    layout: Literal["wide", "centered"] = "wide"
    default: bool = False


PAGES: Registry[Page] = Registry(
    "page",
    "page",
    [
        Page("explore", "Explore", "visibility", HERE / "explore.py", default=True),
        Page("compare", "Compare", "compare", HERE / "compare.py"),
        Page("sweep", "Sweep", "table_view", HERE / "sweep.py"),
        Page("examples", "Examples", "photo_library", HERE / "examples.py"),
        Page("gallery", "Gallery", "grid_view", HERE / "gallery.py"),
        Page("lesson", "Lesson", "school", HERE / "lesson.py"),
        Page("class", "Class", "groups", HERE / "class_page.py"),
        Page("reading", "How to read it", "menu_book", HERE / "how_to_read.py", "centered"),
    ],
)
