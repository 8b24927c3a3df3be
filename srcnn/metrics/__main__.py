"""The command that scores two picture files: ``python -m srcnn.metrics REFERENCE ESTIMATE``."""

import argparse
import json
import math
import sys
from pathlib import Path

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import Refused, answer
from srcnn.metrics import DEFINITIONS, METRICS, QUICK_METRICS, expanded, find, score


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog=called("srcnn.metrics"),
        description="Compare a picture with its reference by full-reference metrics.",
    )
    p.add_argument("reference", type=Path, help="picture file")
    p.add_argument("estimate", type=Path, help="picture file of the same size")
    p.add_argument(
        "--definition",
        choices=DEFINITIONS,
        default="paper",
        help="paper: as published (default); package: as image-similarity-measures 0.3.6 gives it, faults included",
    )
    p.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        default=list(QUICK_METRICS),
        help=f"any of {', '.join(METRICS)}, or your own as package.module:function; all for all of these "
        f"(default: {', '.join(QUICK_METRICS)})",
    )
    p.add_argument(
        "--data-range",
        type=within(float, 0, 1e30, above=True),
        metavar="R",
        help="full span of the values (default: 255 of 8 bits, 65535 of 16; to be said for others)",
    )
    form = p.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object; infinity as a string, undefined as null")
    form.add_argument(
        "--time",
        action="store_true",
        help="also the milliseconds that each metric takes on its own, on one core (not with --json)",
    )
    return p


@answer
def main(argv: list[str] | None = None) -> int:
    """Print the scores; return 0 if the pictures were compared, 2 if they could not be."""
    arguments = parser().parse_args(argv)
    from srcnn.deep import read_deep, span, stored
    from srcnn.metrics.timing import seconds

    try:
        reference, estimate = read_deep(arguments.reference), read_deep(arguments.estimate)
        data_range = span(arguments.reference, reference, arguments.data_range)
        if arguments.definition == "package" and reference.dtype != "uint8":
            raise ValueError(f"{arguments.reference}: has {stored(reference)}, and definition package is of 8 bits")
        values = score(reference, estimate, expanded(arguments.metrics), arguments.definition, data_range)
        timed = [name for name, value in values.items() if value is not None] if arguments.time else []
        took = {name: seconds(reference, estimate, name, arguments.definition, data_range) for name in timed}
    except ValueError as error:
        raise Refused(error) from error
    if arguments.json:
        print(json.dumps({name: str(v) if v is not None and math.isinf(v) else v for name, v in values.items()}))
        return 0
    for name, value in values.items():
        metric = find(name)
        unit = "" if metric.unit == "1" else metric.unit
        better = "higher is better" if metric.higher_is_better else "lower is better"
        shown = "undefined" if value is None else f"{value:.6g}"
        time = f"{1000 * took[name]:10.2f} ms" if name in took else ""
        print(f"{metric.title:8} {shown:>12} {unit:8} {better:16}{time}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
