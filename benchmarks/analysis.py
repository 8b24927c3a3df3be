"""``python -m benchmarks.analysis``: seconds and memory to aggregate and report ten million rows.

Makes the rows unless FOLDER holds them, then times, each in a process of its own: one table of means,
the whole report, loading one column of one run, and merging thousands of small files. Prints a table
and writes benchmarks/analysis.json. ``--study`` reports a study of yours as well; ``--before`` does every
report by the code of another checkout, too (``git worktree add``), one after the other in the same run.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

TARGETS = {"report": (20.0, 0.9), "report of quickstart": (6.0, 0.9)}  # seconds of the clock and of one core, GB
FILES = 4000


def step(name, study):
    """Do one step in this process."""
    if name.startswith("table"):
        from analysis.table import main

        main([str(study), "--by", "variant,epoch,protocol", "--metric", "psnr,ssim", "--format", "csv"])
    elif name.startswith("report"):
        from analysis.build import write_report

        write_report(study)
    elif name == "load one run":
        import analysis

        contents = json.loads((study / "contents.json").read_text())
        frame = analysis.load(study, ["image", "psnr"], protocol="region", run=contents["runs"][0]["run_id"])
        print(len(frame))
    elif name == "compact":
        from analysis.compact import main

        main([str(study)])


def measure(name, study, root):
    """Return wall seconds, CPU seconds and peak memory (GB) of one step by the code in a folder, in a new process."""
    code = (
        "import sys, time, json, resource, runpy; sys.path.insert(0, '.'); start = time.perf_counter()\n"
        f"module = runpy.run_path({str(Path(__file__))!r}); from pathlib import Path\n"
        f"module['step']({name!r}, Path({str(study)!r}))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6\n"
        "print('MEASURED', json.dumps([time.perf_counter() - start, cpu, memory]))\n"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=surroundings, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if not lines:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    wall, cpu, memory = json.loads(lines[-1].removeprefix("MEASURED "))
    return {"wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_gb": round(memory, 2)}


def small_files(folder, rows_in, rows):
    """Make a tenth of the rows in thousands of files; return the study."""
    shutil.rmtree(folder / "small-files", ignore_errors=True)  # the last time merged them
    epochs = max(1, round(rows / 10 / 26_800 / 20))
    return rows_in("small-files", rows / 10, max(1, min(200, FILES // (20 * epochs))))


def main():
    """Make the rows, run every step, print and write the figures."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text.replace("_", ""))), default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the rows are or will be (default: a temporary folder)")
    parser.add_argument("--study", type=Path, action="append", default=[], help="a study to report, too")
    parser.add_argument("--before", type=Path, help="another checkout, whose reports are timed beside ours")
    parser.add_argument("--reports", action="store_true", help="time reports only")
    from benchmarks.written import add_json, require_free, write_figures

    add_json(parser, "benchmarks/analysis.json")
    arguments = parser.parse_args()
    require_free(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        make = Path(__file__).with_name("make_rows.py")

        def rows_in(name, rows, blocks):
            if not (folder / name / "bench" / "contents.json").exists():
                command = [sys.executable, make, folder / name, "--rows", str(rows), "--blocks", str(blocks)]
                subprocess.run(
                    command, check=True, cwd=make.parents[1], env={**os.environ, "PYTHONPATH": str(make.parents[1])}
                )
            return folder / name / "bench"

        large = rows_in("large", arguments.rows, 1)
        here = make.parents[1]
        codes = {"": here} | ({", before": arguments.before.resolve()} if arguments.before else {})
        steps = [
            (f"{name}{when}", study.resolve(), root)
            for name, study in [("report", large), *((f"report of {study.name}", study) for study in arguments.study)]
            for when, root in codes.items()
        ]
        if not arguments.reports:
            small = small_files(folder, rows_in, arguments.rows)
            steps += [(name, large, here) for name in ("table", "load one run")]
            steps += [(name, small, here) for name in ("table", "compact", "table, compacted")]
        import pyarrow.parquet as pq

        figures = []
        for name, study, root in steps:
            count = [pq.read_metadata(file).num_rows for file in study.glob("scores/*/*.parquet")]
            figures.append({"step": name, "rows": sum(count), "files": len(count)} | measure(name, study, root))
            print(
                "{step:<30} {rows:>12,} rows {files:>6,} files {wall_s:>7} s {cpu_s:>7} s CPU {peak_gb:>6} GB".format(
                    **figures[-1]
                ),
                flush=True,
            )
        for now, before in pairwise(figures):
            if before["step"] == f"{now['step']}, before":
                wall, cpu, memory = (now[key] / before[key] for key in ("wall_s", "cpu_s", "peak_gb"))
                ratios = f"{wall:.2f} of the seconds before, {cpu:.2f} of the CPU's, {memory:.2f} of the memory"
                print(f"{now['step']}: {ratios}")
        for found in figures:
            if found["step"] in TARGETS:
                seconds, memory = TARGETS[found["step"]]
                slowest = max(found["wall_s"], found["cpu_s"])
                verdict = "met" if slowest < seconds and found["peak_gb"] < memory else "MISSED"
                print("{step}, {rows:,} rows: ".format(**found) + f"under {seconds:.0f} s and {memory} GB: {verdict}")
        machine = {"cpu_count": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()}
        write_figures(arguments, "analysis", {"machine": machine, "figures": figures})


if __name__ == "__main__":
    main()
