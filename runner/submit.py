"""``python -m runner.submit``: run a study, or finish one that was begun."""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.files import read_json
from srcnn.paths import StudyPaths

if TYPE_CHECKING:
    from rich.console import Console

    from runner.plan import Plan, Task

EXECUTORS = ("auto", "slurm", "local", "debug")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m runner.submit",
        description="Run a study: prepare patches, train, restore, score, report. Finishes what is missing, "
        "repeats nothing.",
    )
    p.add_argument(
        "study", nargs="?", default="quickstart", help="a packaged study, a YAML file, or a submitted study's folder"
    )
    p.add_argument("overrides", nargs="*", metavar="key=value", help="settings that win over the file's")
    p.add_argument("--executor", choices=EXECUTORS, default="auto", help="default: SLURM where sbatch answers")
    p.add_argument("--partition", help="SLURM partition of the stages that use GPUs")
    p.add_argument("--root", type=Path, help="folder of results (default: results, or where the study's folder lies)")
    p.add_argument("--data-root", type=Path, help="folder that holds bsds500/, set5/, set14/, t91/")
    p.add_argument("--cores", type=int, help="cores of this machine to use at once (local executor)")
    p.add_argument("--dry-run", action="store_true", help="print the plan and submit nothing")
    return p


def main(argv: list[str] | None = None) -> int:
    """0 if all is done or submitted, 1 if something failed, 2 if the study cannot be run, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)
    if "=" in arguments.study and not Path(arguments.study).exists():  # only overrides were given
        arguments.overrides.insert(0, arguments.study)
        arguments.study = "quickstart"

    from rich.console import Console

    console = Console(highlight=False)
    try:
        return _submit(arguments, console)
    except KeyboardInterrupt:
        console.print("\nStopped. What finished is kept; the same command goes on from there.")
        return 130


def _submit(arguments: argparse.Namespace, console: "Console") -> int:
    from jobs.pictures import MissingPictures, PictureError
    from runner.config import ConfigError, load_study
    from runner.plan import discard_stale, make_plan
    from srcnn.paths import RootPaths

    try:
        study, file = load_study(arguments.study, arguments.overrides)
        root = _root(arguments, file)
        data_root = _data_root(arguments, file)
        if data_root and not data_root.is_dir():
            raise ConfigError(f"--data-root {data_root}: no such folder")
        executor = _executor(arguments.executor, console)
        plan = make_plan(study, RootPaths(root), data_root)
    except (ConfigError, MissingPictures, PictureError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    from runner.task import KEEP_MEMORY
    from runner.view import plan_table

    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if not arguments.dry_run:
        stale = discard_stale(plan)
        if stale:
            console.print(f"{stale} results whose origin is gone will be made again")
    missing = plan.missing()
    console.print(f"{plan.study.name}: {len(plan.runs)} runs, below {plan.paths.folder}", soft_wrap=True)
    console.print(plan_table(plan, missing, executor, arguments.partition, arguments.cores))
    if arguments.dry_run:
        _print_scripts(plan, missing, executor, arguments.partition, console)
        return 0
    plan.save()
    if not missing:
        console.print("Everything is done.")
        _print_report(plan, console)
        return 0
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)  # tasks inherit it, on SLURM too
    folder = plan.paths.submission(datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    folder.mkdir(parents=True)
    shutil.copy(plan.paths.config, folder / "study.yaml")
    if executor == "slurm":
        return _run_slurm(plan, missing, folder, arguments.partition, console)
    return _run_here(plan, missing, folder, executor, arguments.cores, console)


def _root(arguments: argparse.Namespace, file: Path) -> Path:
    if arguments.root:
        return Path(arguments.root).expanduser().resolve()
    return file.parent.parent.resolve() if _submitted(file) else Path("results").resolve()


def _data_root(arguments: argparse.Namespace, file: Path) -> Path | None:
    if arguments.data_root:
        return Path(arguments.data_root).expanduser().resolve()
    contents = _submitted(file)
    remembered = read_json(contents).get("data_root") if contents else None
    return Path(remembered) if remembered else None


def _submitted(file: Path) -> Path | None:
    """The contents file beside a study that was submitted before; None for a study yet to be."""
    contents = StudyPaths(file.parent).contents
    return contents if file == StudyPaths(file.parent).config and contents.exists() else None


def _executor(wanted: str, console: "Console") -> str:
    if wanted != "auto":
        return wanted
    if shutil.which("sbatch"):
        try:
            subprocess.run(["sinfo", "--noheader"], capture_output=True, timeout=20, check=True)
            console.print("executor: slurm (sbatch answers here; --executor local to stay on this machine)")
            return "slurm"
        except (OSError, subprocess.SubprocessError):
            pass
    console.print("executor: local (no SLURM answers here)")
    return "local"


def _print_scripts(
    plan: "Plan", missing: "list[Task]", executor: str, partition: str | None, console: "Console"
) -> None:
    """For SLURM, the batch file of every stage that has something to do."""
    if executor != "slurm":
        return
    from runner.slurm import sbatch_parameters, sbatch_script

    for stage in dict.fromkeys(task.stage for task in missing):
        count = sum(task.stage == stage for task in missing)
        parameters = sbatch_parameters(plan.study.name, stage, plan.study.cluster.stage(stage, partition))
        script = sbatch_script(parameters, plan.paths.submission("TIME") / stage, count)
        flags = [line for line in script.splitlines() if line.startswith("#SBATCH")]
        console.print(f"\n{stage}:", style="bold")
        console.print("\n".join(flags), markup=False, soft_wrap=True)


def _run_slurm(plan: "Plan", missing: "list[Task]", folder: Path, partition: str | None, console: "Console") -> int:
    from runner.slurm import submit_slurm
    from srcnn.files import write_json

    jobs = submit_slurm(plan, missing, folder, partition)
    write_json(folder / "jobs.json", jobs)
    for stage, ids in jobs.items():
        console.print(f"{stage}: {len(ids)} tasks, job {ids[0].split('_')[0]}")
    console.print(f"Submitted. The report will be at {plan.paths.report_page}", soft_wrap=True)
    return 0


def _run_here(
    plan: "Plan", missing: "list[Task]", folder: Path, executor: str, cores: int | None, console: "Console"
) -> int:
    from runner.debug import run_debug
    from runner.local import run_local
    from runner.view import duration, print_failures, watching

    start = time.monotonic()
    with watching(console) as watch:
        states = run_debug(missing, watch) if executor == "debug" else run_local(plan, missing, folder, watch, cores)
    failed = any(state.state in ("failed", "skipped") for state in states)
    console.print(
        f"{sum(s.state == 'done' for s in states)} of {len(states)} tasks done in {duration(time.monotonic() - start)}"
    )
    if failed:
        print_failures(console, states, f"python -m runner.submit {shlex.quote(str(plan.paths.folder))}")
    _print_report(plan, console)
    return int(failed)


def _print_report(plan: "Plan", console: "Console") -> None:
    if plan.paths.report_page.exists():
        console.print(f"Report: {plan.paths.report_page}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
