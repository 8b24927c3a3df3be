"""``python -m analysis.compare A B``: the settings that differ between two studies or runs, and their effect."""

import argparse
import sys

from srcnn.called import called
from srcnn.door import answer, sentence


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
        pairs = paired_runs(a, b)
        print(settings_text(a, b, pairs))
        table, metrics = effect(
            a, b, pairs, split(arguments.metric or "") or None, split(arguments.protocol or "") or None
        )
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    if not len(table):
        print("The two have no scored patch in common.", file=sys.stderr)
        return 1
    print(f"\nB minus A, last scored epochs, paired over the same patches:\n{effect_text(table, metrics)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
