"""Folders of rendered pictures: one a set and view, tied to the content of the set.

A view is what is rendered of a picture: ``full``, ``luma`` (for the protocol of that name) and
``zoom_<k>`` (at 1/k size, for ``compound``).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.paths import set_mark
from srcnn.regular import NotRegular, read_regular

if TYPE_CHECKING:  # tasks that only look at files do without the settings of a study
    from srcnn.experiment import EvaluateConfig


def rendered_views(evaluate: "EvaluateConfig") -> dict[int, tuple[str, ...]]:
    """Return the views that one pass of the network at 1/zoom size gives, by zoom; ``full`` always."""
    full = ("full", "luma") if "luma" in evaluate.protocols else ("full",)
    return {1: full, **{zoom: (f"zoom_{zoom}",) for zoom in evaluate.used_zooms}}


def picture_file(folder: Path, name: str) -> Path:
    """Return the file of one rendered picture."""
    return folder / f"{name}.png"


def made_from(folder: Path) -> str | None:
    """Return the id of the set that a folder's pictures were made from; None if it does not say."""
    try:
        return read_regular(set_mark(folder)).decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError, NotRegular):
        return None
