"""The report's own plot: each metric over the sub-image number, for chosen pictures."""

from typing import Any

from analysis.evidence import Evidence
from analysis.page import Figure, PageSection
from analysis.plots import upsampling_plot
from analysis.style import upsampler_styles
from srcnn.protocols import PROTOCOLS
from srcnn.upsample import UPSAMPLERS

PICTURES = 2


def section(evidence: Evidence) -> PageSection | None:
    """Return a panel a metric and picture, a line an upsampler; the report's definitions where they were scored."""
    run = evidence.best_run
    protocol = next((name for name in ("whole", "compound") if name in evidence.protocols), None)
    if run is None or protocol is None:
        return None
    definition = "package" if "package" in evidence.definitions else evidence.definition
    rows = evidence.rows(run, protocol=protocol, definition=definition)
    crop = evidence.study.setting("evaluate.crops", [[160, 160]])[0]
    rows = rows[(rows["height"] == crop[0]) & (rows["width"] == crop[1]) & (rows["zoom"] == rows["zoom"].min())]
    if not len(rows):
        return None
    names = [str(name) for name in rows["upsampler"].dropna().unique()]
    styles = upsampler_styles([name for name in UPSAMPLERS if name in names])
    # Crops come in the report's order: down the first column, then the next.
    rows = rows.sort_values(["x", "y"], kind="stable")
    panels: list[Any] = []
    chosen = _chosen(rows)
    for metric in evidence.metrics:
        for set_name, image in chosen:
            of_image = rows[(rows["set"] == set_name) & (rows["image"] == image)]
            if of_image[metric].notna().any():
                panels.append(upsampling_plot(of_image, image, metric, styles))
    caption = (
        f"Protocol {protocol}: {PROTOCOLS[protocol]}. Definition {definition}, run {run.label}, epoch "
        f"{evidence.last_epoch[run.run_id]}. Sub-images are numbered down the first column, then the next."
    )
    figure = Figure("subimages", "Each metric over the sub-images", panels, caption)
    return PageSection("subimages", "Sub-image by sub-image", [figure]) if panels else None


def _chosen(rows: Any) -> list[tuple[str, str]]:
    """Return the chosen pictures: one of each set first, then more of the first set."""
    pairs = [(str(a), str(b)) for a, b in rows[["set", "image"]].drop_duplicates().itertuples(index=False)]
    firsts = list({set_name: (set_name, image) for set_name, image in reversed(pairs)}.values())[::-1]
    return [*firsts, *(pair for pair in pairs if pair not in firsts)][:PICTURES]
