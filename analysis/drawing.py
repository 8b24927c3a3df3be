"""The parts of matplotlib that figures use, imported even if MPLBACKEND names a backend that is not installed."""

import os
from contextlib import suppress

_backend = os.environ.pop("MPLBACKEND", None)  # read when the library is imported

import matplotlib  # noqa: E402
from matplotlib.artist import Artist  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.font_manager import FontProperties  # noqa: E402
from matplotlib.markers import MarkerStyle  # noqa: E402
from matplotlib.path import Path as Shape  # noqa: E402
from matplotlib.textpath import text_to_path  # noqa: E402
from matplotlib.transforms import Affine2D, Bbox  # noqa: E402

if _backend is not None:
    os.environ["MPLBACKEND"] = _backend
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend

__all__ = [
    "Affine2D",
    "Artist",
    "Bbox",
    "Figure",
    "FontProperties",
    "MarkerStyle",
    "Shape",
    "matplotlib",
    "text_to_path",
    "to_rgb",
]
