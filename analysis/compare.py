"""``python -m analysis.compare A B``: the settings that differ between two studies or runs, and their effect."""

import argparse
import sys
from pathlib import Path

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import Refused, answer
from srcnn.output import refuse_to_replace


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("analysis.compare"),
        description="Compare two studies or runs: the settings that differ, and B minus A, paired over the same "
        "patches, with 95%% bootstrap intervals over pictures. A and B are each a study's folder, a run's folder "
        "(STUDY/runs/ID) or STUDY:LABEL. Runs of two studies are paired by label; seeds of one label are averaged.",
    )
    p.add_argument("a", metavar="A", help="what is taken away")
    p.add_argument("b", metavar="B", help="what it is taken from")
    p.add_argument("--metric", help="metrics, such as psnr,ssim (default: all that both scored)")
    p.add_argument("--protocol", help="protocols (default: luma and region, as far as scored)")
    p.add_argument(
        "--html",
        type=Path,
        metavar="OUT",
        help="also write a page with the light table of both: the pictures that both have, the methods of both",
    )
    p.add_argument(
        "--pictures-mb",
        type=within(float, 0, 500),
        default=15,
        metavar="MB",
        help="what that page holds of pictures at most (default: 15); it reads the others from the studies' folders",
    )
    p.add_argument("--overwrite", action="store_true", help="replace --html, but never a file of a study")
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Return 0 if the two were compared, 1 if they have no comparison in common, 2 if one cannot be read."""
    arguments = parser().parse_args(argv)

    from analysis.comparison import effect, effect_text, open_side, paired_runs, settings_text
    from analysis.query import split
    from srcnn.metrics import forget_metrics

    forget_metrics()
    try:
        a, b = open_side(arguments.a), open_side(arguments.b)
        folders = (a.study.folder, b.study.folder)
        if arguments.html and (
            refusal := refuse_to_replace(arguments.html, arguments.overwrite, *folders, option="--html")
        ):
            raise ValueError(refusal)
        pairs = paired_runs(a, b)
        settings = settings_text(a, b, pairs)
        print(settings)
        table, metrics = effect(
            a, b, pairs, split(arguments.metric or "") or None, split(arguments.protocol or "") or None
        )
        scores = effect_text(table, metrics) if len(table) else ""
        said = f"B minus A, last scored epochs, paired over the same patches:\n{scores}" if scores else ""
        if arguments.html:
            from analysis.comparison_page import write_comparison

            write_comparison(a, b, [settings, said], arguments.html, arguments.pictures_mb)
    except (FileNotFoundError, ValueError) as error:
        raise Refused(error) from error
    if arguments.html:
        print(f"\n{arguments.html}")
    if not said:
        print("The two have no scored patch in common.", file=sys.stderr)
        return 1
    print(f"\n{said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
