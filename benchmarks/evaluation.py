"""Thousands of comparisons from picture files to Parquet, as the evaluation does them.

    python -m benchmarks.evaluation [--definition package] [--json FILE]

The 200 BSDS500 test pictures, six crops, four upsamplers, protocol ``whole``, all nine metrics.
Memory is each worker's resident set; the package's time is extrapolated from one comparison.
"""

import os

for variable, value in {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000"}.items():
    os.environ[variable] = value  # for the workers, as the runner sets them

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.scoring import PACKAGE, package_times
from benchmarks.written import add_json, require_free, write_figures
from jobs.backends import CPU_KERNELS
from jobs.score_shards import write_shard
from jobs.scoring import ScoredPicture, in_parallel, score_comparisons
from srcnn.experiment import EvaluateConfig
from srcnn.files import read_picture
from srcnn.protocols import whole

PICTURES = Path(__file__).resolve().parents[2] / "shared" / "data" / "bsds500" / "test"
UPSAMPLERS = ("nearest", "bilinear", "bicubic", "zero_stuffing")


def score_picture(path, evaluate):
    """Return the rows of one picture, the worker's pid, and its memory now and at its peak, in MB."""
    picture = read_picture(path)
    rows = list(
        score_comparisons(
            ScoredPicture("bsds500", path.stem, "srcnn"), whole(picture, evaluate.crops, evaluate.upsamplers), evaluate
        )
    )
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return rows, os.getpid(), pages * resource.getpagesize() / 2**20, peak


def evaluate_pictures(paths, evaluate, workers):
    """Return seconds, rows, and the MB of each worker after 500 comparisons, at the end, and at its peak."""
    memory: dict[int, dict[str, float]] = {}
    rows = []
    start = time.perf_counter()
    for found, pid, now, peak in in_parallel(score_picture, [(p, evaluate) for p in paths], workers, evaluate):
        rows += found
        worker = memory.setdefault(pid, {})
        if len(rows) <= 500:
            worker["at_500"] = now
        worker |= {"end": now, "peak": peak}
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder) / "scores.parquet", rows, {}, evaluate, [CPU_KERNELS])
    return time.perf_counter() - start, rows, list(memory.values())


def package_seconds(python, path):
    """Return the seconds that image-similarity-measures takes for one comparison, in the environment of ``python``."""
    picture = read_picture(path)
    comparison = next(whole(picture, ((160, 160),), ("bicubic",)))
    return sum(package_times(python, picture, comparison.estimate()).values()) / 1e3


def main():
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of BSDS500's test pictures")
    parser.add_argument("--definition", choices=("paper", "package"), default="paper")
    parser.add_argument("--alone", type=int, default=50, help="pictures that are also scored by one worker")
    add_json(parser, "benchmarks/evaluation.json")
    parser.add_argument("--package", default=PACKAGE, metavar="PYTHON", help="interpreter that has the package")
    arguments = parser.parse_args()
    require_free(arguments)
    evaluate = EvaluateConfig(protocols=["whole"], upsamplers=UPSAMPLERS, zooms=(), definitions=[arguments.definition])
    paths = sorted(arguments.pictures.glob("*.jpg"))
    evaluate_pictures(paths[:4], evaluate, 2)  # processes started, kernels loaded
    alone, alone_rows, _ = evaluate_pictures(paths[: arguments.alone], evaluate, 1)
    evaluate_pictures(paths[:4], evaluate, 2)
    seconds, rows, memory = evaluate_pictures(paths, evaluate, 2)
    rate, rate_alone = len(rows) / seconds, len(alone_rows) / alone
    package = package_seconds(arguments.package, paths[0])
    found = {
        "definition": arguments.definition,
        "comparisons": len(rows),
        "seconds, 2 workers": seconds,
        "comparisons a second, 2 workers": rate,
        "comparisons a second, 1 worker": rate_alone,
        "efficiency of 2 workers": rate / rate_alone / 2,
        "peak MB a worker": max(each["peak"] for each in memory),
        "growth from 500 comparisons on, MB": max(each["end"] - each.get("at_500", each["end"]) for each in memory),
        "image-similarity-measures, hours on 2 cores (extrapolated)": package * len(rows) / 2 / 3600,
        "times faster": package * rate / 2,
    }
    for name, value in found.items():
        print(f"{name:62}{value if isinstance(value, (str, int)) else round(value, 2)!s:>12}")
    write_figures(arguments, "evaluation", found)


if __name__ == "__main__":
    main()
