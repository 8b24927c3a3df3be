"""One plot of a study, as the command line asks for it."""

from analysis.panels import Panel
from analysis.plots import line_plot
from analysis.query import means
from analysis.study import StudyResults
from analysis.style import run_styles, upsampler_styles
from srcnn.upsample import UPSAMPLERS

MOST_PANELS = 24


def draw(study: StudyResults, x: str, metrics: list[str], by: str, where: dict[str, list[str]]) -> list[Panel]:
    """Return the panels of one figure: one for each metric, set and other kind that differs.

    Raises ValueError for a name that does not exist, and for more than MOST_PANELS panels.
    """
    table, kinds = means(study, list(dict.fromkeys((x, by, "set"))), metrics, where)
    table = table[table[by].notna()]  # rows without a value of --by, such as regions by upsampler
    if x != "epoch" or by not in ("run", "variant"):
        table = table[table[x].notna()]
    values = [str(value) for value in dict.fromkeys(table[by].astype(object))]
    if by in ("run", "variant"):
        variants = {run.label: run.variant for run in study.runs}
        known = run_styles(study.variants, study.baseline_names.values())
        styles = {value: known[variants.get(value, value)] for value in values}
    elif by == "upsampler":
        styles = upsampler_styles([name for name in UPSAMPLERS if name in values])
    else:
        styles = run_styles(values, study.baseline_names if by == "method" else ())
    # A panel for each set and protocol; a zoom that follows from the protocol is not mentioned.
    split_by = [name for name in ("set", *kinds) if name not in (x, by, "method")]
    if "zoom" in split_by and (table.groupby("protocol", observed=True)["zoom"].nunique() < 2).all():
        split_by.remove("zoom")
    groups = list(table.groupby(split_by, observed=True, dropna=False, sort=False)) if split_by else [((), table)]
    panels = []
    for metric in metrics:
        for key, group in groups:
            if group[metric].notna().any() and (x != "epoch" or group["epoch"].notna().any()):
                parts = [
                    f"{name} {part}" if name == "zoom" else str(part)
                    for name, part in zip(split_by, key, strict=True)
                    if part == part and part is not None
                ]
                panels.append(line_plot(group, x, metric, styles, by, ", ".join(dict.fromkeys(parts))))
    if len(panels) > MOST_PANELS:
        raise ValueError(f"this would be {len(panels)} panels; choose with --where, such as --where protocol=region")
    return panels
