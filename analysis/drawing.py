"""The parts of matplotlib that figures use, imported even if MPLBACKEND names a backend that is not installed."""

import os
from contextlib import suppress

_backend = os.environ.pop("MPLBACKEND", None)  # read when the library is imported

import matplotlib  # noqa: E402
from matplotlib import ticker  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

if _backend is not None:
    os.environ["MPLBACKEND"] = _backend
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend

__all__ = ["Axes", "Figure", "Text", "matplotlib", "ticker"]
