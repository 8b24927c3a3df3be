"""``python -m analysis.plot STUDY_DIR --x epoch --y fsim --by upsampler --out FILE``: means as a figure."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.called import called
from srcnn.door import command, sentence
from srcnn.output import refuse_to_replace

if TYPE_CHECKING:
    from analysis.panels import Panel
    from analysis.study import Study

SUFFIXES = (".svg", ".png", ".pdf")
MOST_PANELS = 24


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog=called("analysis.plot"),
        description="Draw metrics over any column, a line for each value of another. What is neither --x nor --by nor "
        "chosen by --where (sets, protocols, definitions) becomes panels.",
    )
    p.add_argument("study_dir", type=Path)
    p.add_argument(
        "--x", default="epoch", help="a column or setting, such as epoch, upsampler, image, training.learning_rate"
    )
    p.add_argument("--y", default="psnr", help="metrics, such as psnr,fsim")
    p.add_argument("--by", default="run", help="a line for each value of this column or setting")
    p.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="only these rows; may be repeated"
    )
    p.add_argument("--out", type=Path, required=True, help=f"the file to write: {', '.join(SUFFIXES)}")
    p.add_argument("--overwrite", action="store_true", help="replace --out, but never a file of the study")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 if the figure was written, 1 if no row matches, 2 if it cannot be made."""
    arguments = parser().parse_args(argv)
    if arguments.out.suffix not in SUFFIXES:
        print(f"error: --out {arguments.out}: its suffix is one of {', '.join(SUFFIXES)}", file=sys.stderr)
        return 2

    if refusal := refuse_to_replace(arguments.out, arguments.overwrite, arguments.study_dir):
        print(f"error: {refusal}", file=sys.stderr)
        return 2

    from analysis.panels import save
    from analysis.query import parse_where, split
    from analysis.study import open_study
    from srcnn.metrics import forget_metrics

    forget_metrics()
    try:
        study = open_study(arguments.study_dir)
        panels = draw(study, arguments.x, split(arguments.y), arguments.by, parse_where(arguments.where))
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    if not panels:
        print("no scores match", file=sys.stderr)
        return 1
    save(panels, arguments.out)
    print(arguments.out)
    return 0


def draw(study: "Study", x: str, metrics: list[str], by: str, where: dict[str, list[str]]) -> "list[Panel]":
    """The panels of one figure: one for each metric, set and other kind that differs."""
    from analysis.plots import line_plot
    from analysis.query import means
    from analysis.style import run_styles, upsampler_styles
    from srcnn.upsample import UPSAMPLERS

    table, kinds = means(study, list(dict.fromkeys((x, by, "set"))), metrics, where)
    table = table[table[by].notna()]  # rows that --by says nothing of, such as regions by upsampler
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
    # A panel for each set and protocol; what follows from the protocol needs no mention.
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
                panels.append(line_plot(group, x, metric, styles, by, ", ".join(parts)))
    if len(panels) > MOST_PANELS:
        raise ValueError(f"this would be {len(panels)} panels; choose with --where, such as --where protocol=region")
    return panels


if __name__ == "__main__":
    sys.exit(main())
