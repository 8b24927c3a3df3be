"""``python benchmarks/analysis.py``: seconds and memory to aggregate and report ten million rows.

Makes the rows unless FOLDER holds them, then times, each in a process of its own: one table of means,
the whole report, loading one column of one run, and merging thousands of small files. Prints a table
and writes benchmarks/analysis.json.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = {"report": (60.0, 1.5)}  # seconds, GB
STEPS = ("table", "report", "load one run", "compact", "table, compacted")
FILES = 4000


def step(name, study):
    """Do one step in this process."""
    if name.startswith("table"):
        from analysis.table import main

        main([str(study), "--by", "variant,epoch,protocol", "--metric", "psnr,ssim", "--format", "csv"])
    elif name == "report":
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


def measure(name, study):
    """Return wall seconds, CPU seconds and peak memory (GB) of one step in a fresh process."""
    code = (
        "import sys, time, json, resource, runpy; sys.path.insert(0, '.'); start = time.perf_counter()\n"
        f"module = runpy.run_path({str(Path(__file__))!r}); from pathlib import Path\n"
        f"module['step']({name!r}, Path({str(study)!r}))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6\n"
        "print('MEASURED', json.dumps([time.perf_counter() - start, cpu, memory]))\n"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if not lines:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    wall, cpu, memory = json.loads(lines[-1].removeprefix("MEASURED "))
    return {"wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_gb": round(memory, 2)}


def main():
    """Make the rows, run every step, print and write the figures."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text.replace("_", ""))), default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the rows are or will be (default: a temporary folder)")
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
        epochs = max(1, round(arguments.rows / 10 / 26_800 / 20))
        shutil.rmtree(folder / "small-files", ignore_errors=True)  # the last time merged them
        small = rows_in("small-files", arguments.rows / 10, max(1, min(200, FILES // (20 * epochs))))
        import pyarrow.parquet as pq

        count = {
            study: [pq.read_metadata(f).num_rows for f in study.glob("scores/*/*.parquet")] for study in (large, small)
        }
        figures = []
        for name, study in [("table", large), ("report", large), ("load one run", large)] + [
            (name, small) for name in ("table", "compact", "table, compacted")
        ]:
            figures.append({"step": name, "rows": sum(count[study]), "files": len(count[study])} | measure(name, study))
            print(
                "{step:<18} {rows:>12,} rows {files:>6,} files {wall_s:>7} s {cpu_s:>7} s CPU {peak_gb:>6} GB".format(
                    **figures[-1]
                ),
                flush=True,
            )
        for name, (seconds, memory) in TARGETS.items():
            found = next(each for each in figures if each["step"] == name)
            verdict = "met" if found["wall_s"] < seconds and found["peak_gb"] < memory else "MISSED"
            print(f"{name}: under {seconds:.0f} s and {memory} GB: {verdict}")
        machine = {"cpu_count": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()}
        write_figures(arguments, "analysis", {"machine": machine, "figures": figures})


if __name__ == "__main__":
    main()
