"""A sweep of 1,000 runs planned, written and submitted to a real SLURM, and its status asked.

    python -m benchmarks.submit [--runs 1000] [--shards 8] [--json FILE]

Starts the throw-away cluster of the tests (tests/slurm/cluster.sh) and stops it. Its partitions are
down meanwhile, so that jobs are taken and none starts. Beside it, what submitting task by task
would take: measured on a sample of single submissions in the same run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.written import add_json, require_free, write_figures

REPOSITORY = Path(__file__).resolve().parents[1]
CLUSTER = REPOSITORY / "tests" / "slurm" / "cluster.sh"
SINGLE = 20  # submissions of one task each, to compare with


def study(folder, runs, shards):
    """Write a study file with so many runs, on pictures inside scikit-image."""
    import yaml

    content = {
        "data": {"train": ["bundled/camera"], "eval": {"cat": "bundled/chelsea"}},
        "training": {"epochs": 1},
        "evaluate": {"metrics": ["psnr"], "protocols": ["luma"], "shards": shards},
        "sweep": {"grid": {"seed": list(range(runs))}},
        "cluster": {"cpus": 1, "mem_gb": 1, "timeout_min": 10, "train": {"gpus": 0}},
    }
    file = folder / "large.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def timed(*command, env):
    """Return the seconds of a command, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 3):  # 3: status of a study that is under way
        sys.exit(f"{command} returned {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def counted_sbatch(folder):
    """Make a folder for PATH whose sbatch notes each call and passes it on."""
    real = shutil.which("sbatch")
    program = folder / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho call >> {folder}/calls\nexec {real} "$@"\n')
    program.chmod(0o755)
    return program.parent


def measure(folder, arguments):
    """Return all figures, measured on a cluster that runs in ``folder/slurm``."""
    env = {**os.environ, "SLURM_CONF": str(folder / "slurm" / "slurm.conf")}
    for name in ("cpu", "gpu", "low", "lowcancel"):
        subprocess.run(["scontrol", "update", f"partitionname={name}", "state=down"], env=env, check=True)
    env["PATH"] = f"{counted_sbatch(folder)}:{env['PATH']}"
    file = study(folder, arguments.runs, arguments.shards)
    root = folder / "results"
    seconds, _ = timed(
        sys.executable, "-m", "runner.submit", str(file), "--root", str(root), "--executor", "slurm", env=env
    )
    calls = len((folder / "calls").read_text().splitlines())
    (submission,) = (root / "large" / "submissions").iterdir()
    arrays = json.loads((submission / "jobs.json").read_text())["arrays"]
    tasks = sum(len(array["tasks"]) for array in arrays)
    code = sum(file.is_file() for file in (submission / "code").rglob("*"))
    files = sum(file.is_file() for file in root.rglob("*"))
    again, _ = timed(sys.executable, "-m", "runner.submit", str(root / "large"), "--executor", "slurm", env=env)
    looks = [timed(sys.executable, "-m", "runner.status", str(root / "large"), env=env)[0] for _ in range(3)]
    start = time.perf_counter()
    for _ in range(SINGLE):
        subprocess.run(["sbatch", "--output=/dev/null", "--wrap=true"], env=env, check=True, capture_output=True)
    single = (time.perf_counter() - start) / SINGLE
    return {
        "runs": arguments.runs,
        "tasks": tasks,
        "seconds to plan, write and submit": seconds,
        "calls of sbatch": calls,
        "seconds of one sbatch for each task instead (extrapolated)": single * tasks,
        "times faster": single * tasks / seconds,
        "files in all": files,
        "files of the code's snapshot": code,
        "files a task (without the snapshot)": (files - code) / tasks,
        "seconds to submit again (nothing to send)": again,
        "seconds of status, real sacct (best of 3)": min(looks),
    }


def main():
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--shards", type=int, default=8, help="blocks of evaluation: tasks a run is 2 more")
    add_json(parser, "benchmarks/submit.json")
    arguments = parser.parse_args()
    require_free(arguments)
    folder = Path(tempfile.mkdtemp(prefix="srcnn-bench-"))
    clean = {key: value for key, value in os.environ.items() if key != "SLURM_CONF"}
    try:
        subprocess.run([CLUSTER, "start", folder / "slurm"], env=clean, check=True, capture_output=True)
        found = measure(folder, arguments)
    finally:
        subprocess.run([CLUSTER, "stop", folder / "slurm"], env=clean, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in found.items():
        print(f"{name:62}{value if isinstance(value, int) else round(value, 2)!s:>12}")
    write_figures(arguments, "submit", found)


if __name__ == "__main__":
    main()
