"""The address of a view of the light table, as ``templates/light_address.js`` reads it."""

import os
from urllib.parse import quote, urlencode

from analysis.evidence import Evidence
from analysis.light.methods import BICUBIC, methods_of
from analysis.study import RunResults
from srcnn.patches import Box

ZOOM = 3  # at which a region is shown


def address(evidence: Evidence, run: RunResults, set_name: str, image: str, box: Box | None = None) -> str:
    """Return the fragment that shows a picture, interpolated and restored by a run; ``box`` is in the middle of it."""
    inputs = (method for method in methods_of(evidence, 0, "", "") if method.kind == BICUBIC)
    base = next(method.key for method in inputs if method.run_of.degradation_id == run.degradation_id)
    shown = {"picture": f"{set_name}/{quote(os.fsencode(image))}"}
    shown["show"] = f"{base} {run.run_id}@{evidence.last_epoch[run.run_id]}"
    if box is not None:
        shown |= {"view": f"{ZOOM},{box.x + box.width / 2:g},{box.y + box.height / 2:g}", "grid": "patches"}
    return f"#light?{urlencode(shown)}"
