"""Planning a study, showing the plan, and sending what is missing or running it here."""

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jobs.pictures import MissingPictures, PictureError
from runner.executors.executor import Executor, Request, Room, WatchedTask
from runner.executors.interrupt import interruptible
from runner.executors.job_state import SchedulerError
from runner.executors.listed import AUTO
from runner.executors.local import end_orphans
from runner.executors.root import COLON, unusable
from runner.executors.snapshot import own_homes, write_provenance
from runner.executors.table import UnknownExecutor, automatic, executor, recorded
from runner.executors.variables import KEEP_MEMORY
from runner.record.held import release_held
from runner.record.lock import StudyBusyError, study_lock
from runner.record.stale import delete, set_damaged_aside, stale_results
from runner.record.state import StudyStatus, study_status
from runner.record.submission import Submission, new_submission, submissions
from runner.record.submission_files import JOBS
from runner.study.config import ConfigError, is_submitted, load_study, study_text
from runner.study.plan import Plan, PlannedTask, make_plan
from runner.study.selection import only_failed, tasks_to_send, with_resources
from runner.study.space import space_text
from runner.view import plan_table, print_failures, watching
from srcnn.aside import Aside
from srcnn.contents import Contents, OtherLayout, read_contents
from srcnn.damage import DamagedFile
from srcnn.door import Refused
from srcnn.paths import OutsideStudy, RootPaths, StudyPaths, require_within
from srcnn.words import counted, duration


def submit(arguments: argparse.Namespace, console: Console) -> int:
    """Run or send a study as the command line says; return the exit status. Passes KeyboardInterrupt on."""
    try:
        study, file = load_study(arguments.study, arguments.overrides)
        root = _root(arguments.root, file)
        data_root = _data_root(arguments.data_root, file)
        if data_root and not data_root.is_dir():
            raise ConfigError(f"--data-root {data_root}: no such folder")
        executor = _executor(arguments.executor, arguments.partition, console)
        executor.refuse(study.cluster, root)
        _refuse_room(arguments, executor)
        plan = make_plan(study, RootPaths(root), data_root, arguments.verify)
        for module, home in own_homes(plan.experiments).items():
            if trouble := unusable(home, [COLON]):
                raise ConfigError(f"{trouble}; move {module} to another folder")
    except (ConfigError, MissingPictures, PictureError, UnknownExecutor) as error:
        raise Refused(error) from error

    if arguments.partition:
        plan = plan.with_cluster(plan.study.cluster.with_gpu_partition(arguments.partition))
    for note in [*plan.notes, *executor.notes()]:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if foreign := _foreign(plan):
        raise Refused(
            f"{foreign} is there already and belongs to no submitted study; move it away, or submit to another folder "
            "with name=NAME or --root"
        )
    if arguments.dry_run:
        missing = plan.missing()
        status = _status(plan.paths)
        plan, todo = _selected(plan, missing, status, arguments)
        _print_plan(plan, missing, todo, executor, _room(arguments), console)
        _release_held(status, arguments, console)
        for stage, text in executor.batch_files(plan, todo).items():
            console.print(f"\n{stage}:", style="bold")
            console.print(text, markup=False, soft_wrap=True)
        return 0

    try:
        with study_lock(plan.paths, executor.name, "submit" if executor.is_elsewhere else "run") as replaced:
            if replaced and replaced.doing == "run":
                end_orphans(plan.tasks)
            return _submit_alone(plan, arguments, executor, console)
    except (ConfigError, StudyBusyError, SchedulerError, OutsideStudy) as error:
        raise Refused(error) from error


def _submit_alone(plan: Plan, arguments: argparse.Namespace, executor: Executor, console: Console) -> int:
    """Submit what is missing and not under way; nobody else works on the study meanwhile."""
    if not _contents(plan.paths) and plan.paths.contents.exists():
        console.print("contents.json is damaged and written again; a --data-root that it held is forgotten")
        plan.save()  # by it the tasks that are queued or running are known
    if executor.is_elsewhere:
        sent = [submission for submission in submissions(plan.paths) if submission.executor == executor.name]
        for line in executor.take_on_record(plan.paths, sent):
            console.print(f"note: {line}", soft_wrap=True, markup=False)
    before = _contents(plan.paths)
    if before and before["study"] != plan.study.name:
        console.print(f"note: {plan.study.name} was {before['study']} when it was last submitted", markup=False)
    status = _status(plan.paths)
    active = status.active_jobs() if status else {}
    _refuse_others_jobs(plan.paths, status, executor)
    for note in status.notes if status else ():
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    damaged = set_damaged_aside(plan.paths, plan.tasks)
    missing = plan.missing()
    plan, todo = _selected(plan, missing, status, arguments)
    made_again = {task.key for task in todo}.union(active)
    stale = [result for task, result in stale_results(plan.tasks) if task in made_again]
    for result in stale:
        require_within(result.place, plan.paths.folder)
    if count := damaged + len(stale):
        console.print(f"{counted(count, 'result')} whose origin is gone will be made again")
    _print_plan(plan, missing, todo, executor, _room(arguments), console)
    if active:
        are = "are" if len(active) > 1 else "is"
        console.print(f"{counted(len(active), 'task')} {are} queued or running already and {are} not sent again")
    _release_held(status, arguments, console)
    if not todo:
        plan.save()
        console.print("Everything is done." if not missing else "Nothing to send.")
        _print_report(plan.paths, console)
        return 0
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)

    folder, aside, began = None, Aside(), False

    def begin(states: Sequence[WatchedTask]) -> None:
        nonlocal began
        began = True
        delete(aside)

    try:
        for file in (plan.paths.config, plan.paths.contents):
            aside.keep(file)
        plan.save()
        folder = new_submission(plan.paths)
        shutil.copy(plan.paths.config, folder / plan.paths.config.name)
        write_provenance(folder, ["python", "-m", "runner.submit", *sys.argv[1:]])
        for result in stale:
            result.take(aside)
        submission = Submission(folder, executor.name)
        request = Request(plan, todo, submission, active, _room(arguments), begin)
        return _send(request, executor, console) if executor.is_elsewhere else _run(request, executor, console)
    except BaseException:
        # What was taken on record may have got through, which is known by the study's files.
        if not (began or (folder and (folder / JOBS).exists())):
            aside.put_back()  # the study is as last submitted
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        delete(aside)


def _refuse_others_jobs(paths: StudyPaths, status: StudyStatus | None, executor: Executor) -> None:
    """Raise ConfigError where tasks have jobs of another executor."""
    tasks = [task for task in status.tasks if task.job and task.under_way] if status else []
    others = [task.executor for task in tasks if task.executor and task.executor != executor.name]
    if others:
        raise ConfigError(
            f"{paths.folder.name} has {counted(len(others), 'task')} queued or running on "
            f"{recorded(others[0]).title}; wait for the end, or cancel with python -m runner.cancel {paths.folder}"
        )


def _foreign(plan: Plan) -> Path | None:
    """Return a file that the study would replace in a folder of no submitted study; None if there is none."""
    paths = plan.paths
    if is_submitted(paths.config):
        return None
    begun = paths.config.is_file() and paths.config.read_bytes() == study_text(plan.study).encode()
    return next((file for file in (paths.config, paths.report_page) if os.path.lexists(file) and not begun), None)


def _status(paths: StudyPaths) -> StudyStatus | None:
    return study_status(paths, time.time()) if _contents(paths) else None


def _contents(paths: StudyPaths) -> Contents | None:
    """Return what the study held as last submitted; None if nothing was submitted, or its record is damaged."""
    try:
        return read_contents(paths)
    except OtherLayout:
        raise
    except DamagedFile:
        return None


def _release_held(status: StudyStatus | None, arguments: argparse.Namespace, console: Console) -> None:
    if status:
        for line in release_held(status.of("held"), arguments.only == "failed", arguments.dry_run):
            console.print(line, soft_wrap=True, markup=False)


def _selected(
    plan: Plan, missing: list[PlannedTask], status: StudyStatus | None, arguments: argparse.Namespace
) -> tuple[Plan, list[PlannedTask]]:
    """Return the plan with the resources that the command line names, and the tasks that are to be sent."""
    failed = status.of("failed") if status else []
    todo = tasks_to_send(missing, status.active_jobs() if status else ())
    if arguments.only == "failed":
        todo = only_failed(todo, {task.key for task in failed})
    by_themselves = {task.key for task in failed if task.cause != "dependency"}
    raised = {"mem_gb": arguments.mem_gb, "timeout_min": arguments.timeout_min}
    return plan.with_cluster(with_resources(plan.study.cluster, todo, by_themselves, raised)), todo


def _print_plan(
    plan: Plan,
    missing: list[PlannedTask],
    todo: list[PlannedTask],
    executor: Executor,
    room: Room,
    console: Console,
) -> None:
    """Print the stages, what the tasks to send ask of an executor, and what they will write."""
    console.print(f"{plan.study.name}: {counted(len(plan.runs), 'run')}, below {plan.paths.folder}", soft_wrap=True)
    console.print(plan_table(plan.tasks, missing, executor.asks(plan, missing, room)))
    if todo:
        if cost := executor.cost(plan, todo):
            console.print(cost, soft_wrap=True, markup=False)
        console.print(space_text(plan.paths.folder, todo), soft_wrap=True)


def _refuse_room(arguments: argparse.Namespace, executor: Executor) -> None:
    """Raise ConfigError where the command line says how much of this machine to take, to an executor that cannot."""
    for flag, number, setting in (
        ("--cores", arguments.cores, "cluster.cpus"),
        ("--runs-per-gpu", arguments.runs_per_gpu, "cluster.train.pack"),
    ):
        if number and not executor.heeds_room:
            remedy = f"on {executor.title} say {setting}={number}" if executor.is_elsewhere else f"leave {flag} out"
            trouble = f"--executor {executor.name} does not heed {flag} {number}; {remedy}"
            raise ConfigError(trouble, "how-to/packing.md")


def _room(arguments: argparse.Namespace) -> Room:
    return Room(arguments.cores, arguments.runs_per_gpu or 1)


def _root(named: Path | None, file: Path) -> Path:
    """Return the folder of results: the one that was ``named``, or where the file of a submitted study lies."""
    if named:
        return named.expanduser().resolve()
    return file.parent.parent.resolve() if is_submitted(file) else Path("results").resolve()


def _data_root(named: Path | None, file: Path) -> Path | None:
    """Return the folder of public sets: the one that was ``named``, or that with which the study was submitted."""
    if named:
        return named.expanduser().resolve()
    contents = _contents(StudyPaths(file.parent)) if is_submitted(file) else None
    remembered = contents.get("data_root") if contents else None
    return Path(remembered) if remembered else None


def _executor(name: str, partition: str | None, console: Console) -> Executor:
    """Return the executor that was asked for. Raises ConfigError for one that has no partitions where one is named."""
    if name != AUTO:
        return executor(name)
    found, why = automatic()
    if partition and not found.is_elsewhere:
        raise ConfigError(
            f"--partition {partition}: {why}; python -m runner.doctor says more, and "
            f"--executor {found.name} runs on this machine"
        )
    console.print(f"executor: {found.name} ({why})", markup=False)
    return found


def _send(request: Request, executor: Executor, console: Console) -> int:
    """Send the tasks, and say which jobs they are and how to watch them."""
    with interruptible():
        executor.submit(request)
    sent, paths = request.submission.arrays, request.plan.paths
    for stage in dict.fromkeys(array.stage for array in sent):
        arrays = [array for array in sent if array.stage == stage]
        count = sum(len(array.tasks) for array in arrays)
        jobs = ", ".join(array.job for array in arrays[:6]) + ", ..." * (len(arrays) > 6)
        elements = sum(len(set(array.ids)) for array in arrays)
        shared = f" in {counted(elements, 'job')}" * (elements < count)
        console.print(f"{stage}: {counted(count, 'task')}{shared}, job{'s' * (len(arrays) > 1)} {jobs}", markup=False)
    study = shlex.quote(str(paths.folder))
    console.print(
        f"Submitted; you may log out. The report will be at {paths.report_page}\n"
        f"  python -m runner.status {study}\n  python -m runner.logs {study} train --follow\n"
        f"  python -m runner.cancel {study}",
        soft_wrap=True,
        markup=False,
    )
    return 0


def _run(request: Request, executor: Executor, console: Console) -> int:
    """Wait for the tasks, whose executor tells ``request.watch`` when the first of them has begun."""
    start = time.monotonic()
    with watching(console) as show:

        def watch(states: Sequence[WatchedTask]) -> None:
            request.watch(states)
            show(states)

        with interruptible():
            states = executor.submit(replace(request, watch=watch))
    failed = any(state.state in ("failed", "skipped") for state in states)
    done, seconds = sum(state.state == "done" for state in states), time.monotonic() - start
    console.print(f"{done} of {counted(len(states), 'task')} done in {duration(seconds)}")
    if failed:
        print_failures(console, states, f"python -m runner.submit {shlex.quote(str(request.plan.paths.folder))}")
    _print_report(request.plan.paths, console)
    return int(failed)


def _print_report(paths: StudyPaths, console: Console) -> None:
    if paths.report_page.exists():
        console.print(f"Report: {paths.report_page}", soft_wrap=True, markup=False)
