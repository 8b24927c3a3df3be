"""``python -m runner.submit``: run a study, or finish one that was begun."""

import argparse
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runner.executors.listed import names
from srcnn.bounds import MOST_WORKERS, within
from srcnn.called import called
from srcnn.door import command, sentence
from srcnn.paths import OutsideStudy, StudyPaths, require_within
from srcnn.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from runner.executors.executor import Executor, Request, TaskState
    from runner.record.state import StudyStatus
    from runner.study.plan import Plan, Task
    from srcnn.contents import Contents

MOST_GB = 100_000.0  # memory of a node, as runner.study.cluster has it
AUTO = "auto"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog=called("runner.submit"),
        description="Run a study: prepare patches, train, restore, score, report. Finishes what is missing, "
        "repeats nothing.",
    )
    p.add_argument(
        "study", nargs="?", default="quickstart", help="a packaged study, a YAML file, or a submitted study's folder"
    )
    p.add_argument("overrides", nargs="*", metavar="key=value", help="settings that win over the file's")
    p.add_argument(
        "--executor",
        choices=[AUTO, *names()],
        default=AUTO,
        metavar="NAME",
        help="where: slurm, local (this machine), debug (this process), one that an installed package adds, or auto "
        "(default), the first that is here",
    )
    p.add_argument(
        "--partition", type=_plain, help="SLURM partition of the stages that use GPUs; the study remembers it"
    )
    p.add_argument("--only", choices=("failed",), help="try only what failed again, and what needs it")
    p.add_argument(
        "--mem-gb",
        type=within(float, 0, MOST_GB, above=True),
        metavar="GB",
        help="memory of the stages that failed, or of all that are sent (SLURM); the study remembers it",
    )
    p.add_argument(
        "--timeout-min", type=_time, metavar="MIN", help="time limit, likewise; also as H:MM:SS or D-HH:MM:SS"
    )
    p.add_argument("--root", type=Path, help="folder of results (default: results, or where the study's folder lies)")
    p.add_argument("--data-root", type=Path, help="folder that holds bsds500/, set5/, set14/, t91/")
    p.add_argument(
        "--cores",
        type=within(int, 1, MOST_WORKERS),
        metavar="N",
        help="cores of this machine to use at once (local executor)",
    )
    p.add_argument(
        "--verify",
        action="store_true",
        help="read every picture again, also those whose size and time say that they are as they were",
    )
    p.add_argument("--dry-run", action="store_true", help="print the plan and submit nothing")
    return p


def _time(text: str) -> int:
    from runner.study.minutes import to_minutes

    try:
        return to_minutes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _plain(text: str) -> str:
    from runner.study.options import plain

    try:
        return plain(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@command
def main(argv: list[str] | None = None) -> int:
    """0 if all is done or submitted, 1 if something failed, 2 if the study cannot be run, 130 on Ctrl-C."""
    arguments = parser().parse_intermixed_args(argv)  # key=value may come after options
    if "=" in arguments.study and not Path(arguments.study).exists():  # only overrides were given
        arguments.overrides.insert(0, arguments.study)
        arguments.study = "quickstart"

    from srcnn.terminal import Terminal

    console = Terminal()
    try:
        return _submit(arguments, console)
    except KeyboardInterrupt:
        console.print("\nStopped. What finished is kept; the same command goes on from there.")
        return 130


def _submit(arguments: argparse.Namespace, console: "Console") -> int:
    from jobs.pictures import MissingPictures, PictureError
    from runner.executors.root import COLON, unusable
    from runner.executors.snapshot import own_homes
    from runner.executors.table import UnknownExecutor
    from runner.study.config import ConfigError, load_study
    from runner.study.plan import make_plan
    from runner.study.selection import on_gpu_partition
    from srcnn.paths import RootPaths

    try:
        study, file = load_study(arguments.study, arguments.overrides)
        root = _root(arguments, file)
        data_root = _data_root(arguments, file)
        if data_root and not data_root.is_dir():
            raise ConfigError(f"--data-root {data_root}: no such folder")
        executor = _executor(arguments, console)
        executor.refuse(study.cluster, root)
        plan = make_plan(study, RootPaths(root), data_root, arguments.verify)
        for module, home in own_homes(plan).items():
            if trouble := unusable(home, [COLON]):
                raise ConfigError(f"{trouble}; move {module} to another folder")
    except (ConfigError, MissingPictures, PictureError, UnknownExecutor) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2

    if arguments.partition:
        plan = on_gpu_partition(plan, arguments.partition)
    for note in [*plan.notes, *executor.notes()]:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if foreign := _foreign(plan):
        print(
            f"error: {foreign} is there already, and is of no study that was submitted; move it away, or submit to "
            "another folder with name=NAME or --root",
            file=sys.stderr,
        )
        return 2
    if arguments.dry_run:
        missing = plan.missing()
        status = _status(plan)
        plan, todo = _selected(plan, missing, status, arguments)
        _print_plan(plan, missing, todo, executor, arguments.cores, console)
        _release_held(status, arguments, console)
        for stage, text in executor.batch_files(plan, todo).items():
            console.print(f"\n{stage}:", style="bold")
            console.print(text, markup=False, soft_wrap=True)
        return 0

    from runner.executors.job_state import SchedulerError
    from runner.executors.local import end_orphans
    from runner.record.lock import StudyBusyError, study_lock

    try:
        with study_lock(plan.paths, executor.name, "submit" if executor.is_elsewhere else "run") as replaced:
            if replaced and replaced.doing == "run":
                end_orphans(plan)
            return _submit_alone(plan, arguments, executor, console)
    except (ConfigError, StudyBusyError, SchedulerError, OutsideStudy) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2


def _submit_alone(plan: "Plan", arguments: argparse.Namespace, executor: "Executor", console: "Console") -> int:
    """Submit what is missing and not under way; nobody else works on the study meanwhile."""
    from runner.executors.executor import Request
    from runner.executors.snapshot import write_provenance
    from runner.executors.task import KEEP_MEMORY
    from runner.record.stale import delete, set_damaged_aside, stale_results
    from runner.record.submission import Submission, new_submission, submissions
    from srcnn.aside import Aside

    if not _contents(plan.paths) and plan.paths.contents.exists():
        console.print("contents.json is damaged and written again; a --data-root that it held is forgotten")
        plan.save()  # by it the tasks that are queued or running are known
    if executor.is_elsewhere:
        sent = [each for each in submissions(plan.paths) if each.executor == executor.name]
        for line in executor.take_on_record(plan.paths, sent):
            console.print(f"note: {line}", soft_wrap=True, markup=False)
    before = _contents(plan.paths)
    if before and before["study"] != plan.study.name:
        console.print(f"note: {plan.study.name} was {before['study']} when it was last submitted", markup=False)
    status = _status(plan)
    active = status.active_jobs() if status else {}
    _refuse_others_jobs(plan, status, executor)
    for note in status.notes if status else ():
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    damaged = set_damaged_aside(plan)
    missing = plan.missing()
    plan, todo = _selected(plan, missing, status, arguments)
    made_again = {task.key for task in todo}.union(active)
    stale = [each for task, each in stale_results(plan) if task in made_again]
    for each in stale:
        require_within(each.place, plan.paths.folder)
    if count := damaged + len(stale):
        console.print(f"{counted(count, 'result')} whose origin is gone will be made again")
    _print_plan(plan, missing, todo, executor, arguments.cores, console)
    if active:
        are = "are" if len(active) > 1 else "is"
        console.print(f"{counted(len(active), 'task')} {are} queued or running already and {are} not sent again")
    _release_held(status, arguments, console)
    if not todo:
        plan.save()
        console.print("Everything is done." if not missing else "Nothing to send.")
        _print_report(plan, console)
        return 0
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)

    folder, aside, began = None, Aside(), False

    def begin(states: "Sequence[TaskState]") -> None:
        nonlocal began
        began = True
        delete(aside)

    try:
        for file in (plan.paths.config, plan.paths.contents):
            aside.keep(file)
        plan.save()
        folder = new_submission(plan.paths)
        shutil.copy(plan.paths.config, folder / "study.yaml")
        write_provenance(folder, ["python", "-m", "runner.submit", *sys.argv[1:]])
        for each in stale:
            each.take(aside)
        submission = Submission(folder, executor.name)
        request = Request(plan, todo, submission, active, arguments.cores, begin)
        return _send(request, executor, console) if executor.is_elsewhere else _run(request, executor, console)
    except BaseException:
        # What was taken on record may have got through, which is known by the study's files.
        if not (began or (folder and (folder / "jobs.json").exists())):
            aside.put_back()  # the study is as last submitted
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        delete(aside)


def _refuse_others_jobs(plan: "Plan", status: "StudyStatus | None", executor: "Executor") -> None:
    """Raise ConfigError where tasks have jobs of another executor."""
    from runner.executors.table import recorded
    from runner.study.config import ConfigError

    tasks = [task for task in status.tasks if task.job and task.under_way] if status else []
    others = [task.executor for task in tasks if task.executor and task.executor != executor.name]
    if others:
        raise ConfigError(
            f"{plan.study.name} has {counted(len(others), 'task')} queued or running on {recorded(others[0]).title}; "
            f"wait for the end, or cancel with python -m runner.cancel {plan.paths.folder}"
        )


def _foreign(plan: "Plan") -> Path | None:
    """A file that the study would replace in a folder into which none was submitted; None if there is none."""
    from runner.study.config import is_submitted, study_text

    paths = plan.paths
    if is_submitted(paths.config):
        return None
    begun = paths.config.is_file() and paths.config.read_bytes() == study_text(plan.study).encode()
    return next((file for file in (paths.config, paths.report_page) if os.path.lexists(file) and not begun), None)


def _status(plan: "Plan") -> "StudyStatus | None":
    from runner.record.state import study_status

    return study_status(plan.paths, time.time()) if _contents(plan.paths) else None


def _contents(paths: StudyPaths) -> "Contents | None":
    """What the study held as last submitted; None where nothing was submitted, or nobody can tell any more."""
    from srcnn.contents import OtherLayout, read_contents
    from srcnn.damage import DamagedFile

    try:
        return read_contents(paths)
    except OtherLayout:
        raise
    except DamagedFile:
        return None


def _release_held(status: "StudyStatus | None", arguments: argparse.Namespace, console: "Console") -> None:
    if status:
        from runner.record.held import release_held

        for line in release_held(status, arguments.only == "failed", arguments.dry_run):
            console.print(line, soft_wrap=True, markup=False)


def _selected(
    plan: "Plan", missing: "list[Task]", status: "StudyStatus | None", arguments: argparse.Namespace
) -> "tuple[Plan, list[Task]]":
    """The plan with the resources of the command line, and the tasks that it says to send."""
    from runner.study.selection import only_failed, tasks_to_send, with_resources

    failed = status.of("failed") if status else []
    todo = tasks_to_send(missing, status.active_jobs() if status else ())
    if arguments.only == "failed":
        todo = only_failed(todo, {task.key for task in failed})
    by_themselves = {task.key for task in failed if task.cause != "dependency"}
    raised = {"mem_gb": arguments.mem_gb, "timeout_min": arguments.timeout_min}
    return with_resources(plan, todo, by_themselves, raised), todo


def _print_plan(
    plan: "Plan", missing: "list[Task]", todo: "list[Task]", executor: "Executor", cores: int | None, console: "Console"
) -> None:
    """Print the stages, what the tasks to send ask of an executor, and what they will write."""
    from runner.study.space import space_text
    from runner.view import plan_table

    console.print(f"{plan.study.name}: {counted(len(plan.runs), 'run')}, below {plan.paths.folder}", soft_wrap=True)
    console.print(plan_table(plan, missing, executor.asks(plan.study.cluster, missing, cores)))
    if todo:
        if cost := executor.cost(plan.study.cluster, todo):
            console.print(cost, soft_wrap=True, markup=False)
        console.print(space_text(plan, todo), soft_wrap=True)


def _root(arguments: argparse.Namespace, file: Path) -> Path:
    from runner.study.config import is_submitted

    if arguments.root:
        return Path(arguments.root).expanduser().resolve()
    return file.parent.parent.resolve() if is_submitted(file) else Path("results").resolve()


def _data_root(arguments: argparse.Namespace, file: Path) -> Path | None:
    if arguments.data_root:
        return Path(arguments.data_root).expanduser().resolve()
    contents = _contents(StudyPaths(file.parent)) if _submitted(file) else None
    remembered = contents.get("data_root") if contents else None
    return Path(remembered) if remembered else None


def _submitted(file: Path) -> Path | None:
    """The contents file beside a study that was submitted before; None for a study yet to be."""
    paths = StudyPaths(file.parent)
    # The folder of submissions tells it, too, where somebody took the contents away.
    there = os.path.lexists(paths.contents) or paths.submissions.is_dir()
    return paths.contents if file == paths.config and there else None


def _executor(arguments: argparse.Namespace, console: "Console") -> "Executor":
    """Return the executor that was asked for. Raises ConfigError for one that has no partitions where one is named."""
    from runner.executors.table import automatic, executor
    from runner.study.config import ConfigError

    if arguments.executor != AUTO:
        return executor(arguments.executor)
    found, why = automatic()
    if arguments.partition and not found.is_elsewhere:
        raise ConfigError(
            f"--partition {arguments.partition}: {why}; python -m runner.doctor says more, and "
            f"--executor {found.name} runs on this machine"
        )
    console.print(f"executor: {found.name} ({why})", markup=False)
    return found


def _send(request: "Request", executor: "Executor", console: "Console") -> int:
    """Send the tasks, and say which jobs they are and how to watch them."""
    from runner.executors.interrupt import interruptible

    with interruptible():
        executor.submit(request)
    sent, paths = request.submission.arrays, request.plan.paths
    for stage in dict.fromkeys(array.stage for array in sent):
        arrays = [array for array in sent if array.stage == stage]
        count = sum(len(array.tasks) for array in arrays)
        jobs = ", ".join(array.job for array in arrays[:6]) + ", ..." * (len(arrays) > 6)
        console.print(f"{stage}: {counted(count, 'task')}, job{'s' * (len(arrays) > 1)} {jobs}", markup=False)
    study = shlex.quote(str(paths.folder))
    console.print(
        f"Submitted; you may log out. The report will be at {paths.report_page}\n"
        f"  python -m runner.status {study}\n  python -m runner.logs {study} train --follow\n"
        f"  python -m runner.cancel {study}",
        soft_wrap=True,
        markup=False,
    )
    return 0


def _run(request: "Request", executor: "Executor", console: "Console") -> int:
    """Wait for the tasks, whose executor tells ``request.watch`` when the first of them has begun."""
    from dataclasses import replace

    from runner.executors.interrupt import interruptible
    from runner.view import print_failures, watching
    from srcnn.words import duration

    start = time.monotonic()
    with watching(console) as show:

        def watch(states: "Sequence[TaskState]") -> None:
            request.watch(states)
            show(states)

        with interruptible():
            states = executor.submit(replace(request, watch=watch))
    failed = any(state.state in ("failed", "skipped") for state in states)
    done, seconds = sum(state.state == "done" for state in states), time.monotonic() - start
    console.print(f"{done} of {counted(len(states), 'task')} done in {duration(seconds)}")
    if failed:
        print_failures(console, states, f"python -m runner.submit {shlex.quote(str(request.plan.paths.folder))}")
    _print_report(request.plan, console)
    return int(failed)


def _print_report(plan: "Plan", console: "Console") -> None:
    if plan.paths.report_page.exists():
        console.print(f"Report: {plan.paths.report_page}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
