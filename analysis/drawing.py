"""The parts of reportlab that figures use, imported with settings of ours, whatever the user's own are."""

import os
import sys
from types import ModuleType

_SETTINGS = ModuleType("reportlab_settings")  # where the library looks first for a user's settings, once
_SETTINGS.__dict__.update(invariant=1, pageCompression=1, useA85=0, ttfAsciiReadable=0)

_theirs = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("RL_")}
_before = sys.modules.get(_SETTINGS.__name__)
sys.modules[_SETTINGS.__name__] = _SETTINGS
try:
    from reportlab.lib.colors import HexColor
    from reportlab.pdfbase.pdfmetrics import getRegisteredFontNames, registerFont, stringWidth
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import FILL_NON_ZERO, Canvas
finally:
    os.environ.update(_theirs)
    del sys.modules[_SETTINGS.__name__]
    if _before is not None:
        sys.modules[_SETTINGS.__name__] = _before

__all__ = ["FILL_NON_ZERO", "Canvas", "HexColor", "TTFont", "getRegisteredFontNames", "registerFont", "stringWidth"]
