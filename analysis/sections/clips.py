"""The study over the frames of its clips: a metric frame by frame, each run beside the interpolated input."""

import pandas as pd

from analysis.aggregate import per_picture
from analysis.evidence import Evidence
from analysis.page import Figure, PageSection
from analysis.plots import frame_plot
from analysis.study import with_frames
from analysis.style import run_styles
from srcnn.words import counted

MOST_CLIPS = 6


def section(evidence: Evidence) -> PageSection | None:
    """Return a panel a metric and clip, a line a variant; None where no set holds a clip."""
    if not evidence.scored_runs or not evidence.study.has_clips:
        return None
    metrics = [evidence.leading, *(name for name in ("ssim",) if name in evidence.metrics and name != evidence.leading)]
    lines = frame_lines(evidence, metrics)
    by_clip = list(lines.groupby(["set", "clip"], observed=True, sort=False))
    styles = run_styles(evidence.study.variants, evidence.study.baseline_names.values())
    panels = [
        frame_plot(of_clip, str(clip if clip == set_name else f"{set_name}/{clip}"), metric, styles)
        for metric in metrics
        for (set_name, clip), of_clip in by_clip[:MOST_CLIPS]
        if of_clip[metric].notna().any()
    ]
    if not panels:
        return None
    more = len(by_clip) - MOST_CLIPS
    caption = f"Protocol {evidence.main}, last epochs." + (
        f" {counted(more, 'clip')} more not shown." if more > 0 else ""
    )
    return PageSection("clips", "Frame by frame", [Figure("frames", "Over the frames", panels, caption)])


def frame_lines(evidence: Evidence, metrics: list[str]) -> pd.DataFrame:
    """Return one row a frame and variant of the page's protocol, with the frame's clip and number."""
    chosen = evidence.of_page(evidence.last)
    if chosen["upsampler"].notna().any():  # one line a run: the report's own upsampler, or the first
        names = [str(name) for name in chosen["upsampler"].dropna().unique()]
        chosen = chosen[chosen["upsampler"] == ("bicubic" if "bicubic" in names else names[0])]
    lines = with_frames(per_picture(chosen, ["variant"], metrics), evidence.study)
    return lines[lines["frame"].notna()]
