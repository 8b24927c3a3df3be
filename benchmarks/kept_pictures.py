"""What it costs to keep restored pictures: files, bytes and seconds of the study ``report`` by ``render.keep``.

    python -m benchmarks.kept_pictures --data-root FOLDER [--root DIR] [--json FILE]

A network is trained for two short epochs once: what it restores matters to no figure here. Then pictures and scores are
removed, and made again under each setting. Seconds are those of the tasks of render and evaluate; CPU seconds are those
of the whole submission, its report included.
"""

import argparse
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.written import add_json, require_free, write_figures
from srcnn.attempts import read_attempt
from srcnn.paths import StudyPaths

STAGES = ("render", "evaluate")
KEEP = ("all", "scored", "best", "none")
SHORT = ("data.train=t91", "training.epochs=2", "render.epochs=[1,2]")


def submit(*arguments: str) -> float:
    """Do a study on this machine; return the CPU seconds of its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "runner.submit", *arguments, "--executor", "local"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forget(study: StudyPaths) -> None:
    """Remove all that comes after the training."""
    for folder in (*study.folder.glob("scores/r*"), *study.folder.glob("runs/*/*_SRCNN_Output"), study.report):
        shutil.rmtree(folder, ignore_errors=True)
    for record in records(study):
        record.unlink()


def records(study: StudyPaths) -> list[Path]:
    """Return the records of attempts at what is measured."""
    return [file for stage in STAGES for file in study.runs.glob(f"*/attempts/{stage}-*.json")]


def measured(study: StudyPaths, keep: str) -> dict[str, Any]:
    """Restore and score anew under a setting."""
    forget(study)
    cpu = submit(str(study.folder), f"render.keep={keep}")
    pictures = [file for file in study.folder.glob("runs/*/*_SRCNN_Output/**/*") if file.is_file()]
    seconds = dict.fromkeys(STAGES, 0.0)
    for attempt in map(read_attempt, records(study)):
        seconds[attempt.stage] += attempt.end - attempt.start
    size = sum(file.stat().st_size for file in pictures)
    return {"keep": keep, "files": len(pictures), "MB": size / 1e6, **seconds, "cpu": cpu}


def main() -> None:
    """Print the table and write it as JSON."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data-root", type=Path, required=True, help="folder that holds bsds500/, set5/, set14/ and t91/")
    p.add_argument("--root", type=Path, default=Path("results/benchmarks"), help="where the study is made")
    add_json(p, "benchmarks/kept_pictures.json")
    arguments = p.parse_args()
    require_free(arguments)
    places = ("--root", str(arguments.root), "--data-root", str(arguments.data_root))
    submit("report", *SHORT, "render.keep=none", *places)
    study = StudyPaths(arguments.root / "report")
    rows: list[dict[str, Any]] = []
    print(
        f"{'render.keep':12}{'files':>8}{'MB':>8}{'render s':>10}{'evaluate s':>12}{'CPU s':>8}{'of all':>8}",
        flush=True,
    )
    for keep in KEEP:
        rows.append(row := measured(study, keep))
        ratio = row["cpu"] / rows[0]["cpu"]
        print(
            f"{keep:12}{row['files']:8}{row['MB']:8.0f}{row['render']:10.1f}{row['evaluate']:12.1f}"
            f"{row['cpu']:8.0f}{ratio:8.2f}",
            flush=True,
        )
    write_figures(arguments, "kept_pictures", {"rows": rows})


if __name__ == "__main__":
    main()
