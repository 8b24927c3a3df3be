"""What tasks wrote is one command away, and cancelling a local execution leaves nothing that runs."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, HeldStub, tiny_study
from stub_stages import installed

from jobs.processes import born, descendants
from runner import cancel, logs, status
from runner.actions import cancel as actions
from runner.record import follow
from runner.record.judged import JudgedTask
from runner.record.lock import Holder, holder
from runner.record.matching import UnknownName, matching
from runner.record.state import study_status
from runner.record.tail import Growth, last_lines
from runner.submit import main as submitted
from srcnn.files import write_json
from srcnn.paths import StudyPaths


def command(module: str, *arguments: object) -> list[str]:
    stages = ["stub_stages", module] if module == "submit" else [f"runner.{module}"]
    return [sys.executable, "-m", *stages, *map(str, arguments)]


def submit(*arguments: object) -> int:
    """How a local execution ends that this process runs."""
    with installed():
        return submitted(list(map(str, arguments)))


def start(module: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(module, *arguments), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def halted_study(held: HeldStub) -> list[object]:
    """Arguments of a submission whose training halts."""
    file = held.study()
    return [file, "--executor", "local", "--cores", 1, "--root", held.paths.folder.parent]


@pytest.fixture(scope="module")
def failed_study(tmp_path_factory):
    """A finished study: one good run, and three that diverge."""
    folder = tmp_path_factory.mktemp("failed")
    cases = {"good": {}} | {f"hot{n}": {"training.learning_rate": 1e30, "seed": n} for n in (1, 2, 3)}
    file = tiny_study(folder, sweep={"cases": cases}, training__epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))
        assert submit(file, "--executor", "local", "--cores", 1, "--root", folder / "results") == 1
    return StudyPaths(folder / "results" / "tiny")


def statuses(paths: StudyPaths) -> list[JudgedTask]:
    return study_status(paths, time.time()).tasks


# Cancelling.


@pytest.mark.usefixtures("training_alone")
def test_a_study_cancelled_from_another_process_leaves_no_process(held, capsys):
    runner = start("submit", *halted_study(held))
    paths = held.paths
    held.attempt()
    family = {pid: born(pid) for pid in (runner.pid, *descendants(runner.pid))}
    assert len(family) > 2
    assert cancel.main([str(paths.folder)]) == 0
    said = capsys.readouterr().out
    assert not [pid for pid, since in family.items() if born(pid) == since]
    assert f"stopped process {runner.pid}, which ran tiny here with train 1 under way" in said
    assert f"what was done is kept; python -m runner.submit {paths.folder} goes on" in said
    runner.communicate(timeout=120)
    assert runner.returncode == 130
    (train,) = [task for task in statuses(paths) if task.stage == "train"]
    assert (train.state, train.cause) == ("failed", "cancelled")
    status.main([str(paths.folder)])
    assert "it was stopped; what was done is kept" in capsys.readouterr().out
    assert holder(paths) is None


def test_a_runner_that_does_not_go_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(actions, "ENDED_S", 0.3)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "deaf\n"
        runner = Holder(os.uname().nodename, process.pid, born(process.pid), "local", time.time())
        with pytest.raises(actions.CannotCancel, match=f"still running .* kill -9 {process.pid}"):
            actions.stop_here(StudyPaths(tmp_path / "study"), runner)
    finally:
        process.kill()
        process.communicate()


def test_children_that_outlive_their_runner_for_a_while_are_waited_for(tmp_path):
    """The runner ends at once, its child half a second later."""
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(1)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "1\n"
    (orphan,) = descendants(process.pid)
    actions.stop_here(
        StudyPaths(tmp_path / "study"),
        Holder(os.uname().nodename, process.pid, born(process.pid), "local", time.time()),
    )
    assert born(process.pid) is None
    assert born(orphan) is None
    process.communicate()


def test_an_execution_on_another_machine_is_cancelled_there(failed_study, capsys):
    write_json(failed_study.lock, vars(Holder("elsewhere", 4711, None, "local", time.time())))
    try:
        assert cancel.main([str(failed_study.folder)]) == 1
    finally:
        failed_study.lock.unlink()
    error = capsys.readouterr().err
    assert f"run by process 4711 on elsewhere; stop it there: python -m runner.cancel {failed_study.folder}" in error


@pytest.mark.parametrize("part", [["--stage", "train"], ["--run", "good"]])
def test_a_part_of_a_local_execution_cannot_be_cancelled(failed_study, capsys, part):
    mine = Holder(os.uname().nodename, os.getpid(), born(os.getpid()), "local", time.time())
    write_json(failed_study.lock, vars(mine))
    try:
        assert cancel.main([str(failed_study.folder), *part]) == 2
    finally:
        failed_study.lock.unlink()
    error = capsys.readouterr().err
    assert "can only be stopped as a whole: python -m runner.cancel" in error
    assert "then python -m runner.submit" in error


def test_nothing_to_cancel_is_a_success(failed_study, capsys):
    assert cancel.main([str(failed_study.folder)]) == 0
    assert cancel.main([str(failed_study.folder), "--stage", "train"]) == 0
    assert (
        capsys.readouterr().out
        == "Nothing of tiny is queued or runs.\nNothing of stage train of tiny is queued or runs.\n"
    )


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (["--stage", "trian"], "--stage trian: no such stage; there are prepare, "),
        (["--run", "hto2"], "hto2: no run, stage or task is called so; did you mean hot2"),
        (["--run", "hot"], "--run hot stands for 3 runs: "),
        (["--run", "train"], "train: no run, stage or task is called so"),
    ],
)
def test_only_one_run_or_stage_that_exists_can_be_cancelled(failed_study, capsys, part, complaint):
    assert cancel.main([str(failed_study.folder), *part]) == 2
    assert complaint in capsys.readouterr().err


def test_somebody_at_a_terminal_is_asked_first(failed_study):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_json(failed_study.lock, vars(Holder(os.uname().nodename, process.pid, born(process.pid), "local", 0.0)))
    terminal, theirs = pty.openpty()
    try:
        os.write(terminal, b"n\n")
        refused = subprocess.run(command("cancel", failed_study.folder), stdin=theirs, capture_output=True, text=True)
        assert (refused.returncode, process.poll()) == (1, None)
        assert refused.stdout.endswith("? [y/N] Nothing was cancelled.\n")
        agreed = subprocess.run(command("cancel", failed_study.folder, "--yes"), stdin=theirs, capture_output=True)
        assert (agreed.returncode, process.poll()) == (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
        os.close(terminal)
        os.close(theirs)
        failed_study.lock.unlink(missing_ok=True)


def test_a_reader_that_has_seen_enough_is_no_error(failed_study):
    logs_of = shlex.join(command("logs", failed_study.folder, "good", "--stage", "train", "-n", "0"))
    script = f"set -o pipefail; {logs_of} | head -n 1"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_study_is_neither_cancelled_nor_made(tmp_path, capsys):
    assert cancel.main([str(tmp_path / "none")]) == 2
    assert logs.main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("the folder of a submitted study?") == 2
    assert not (tmp_path / "none").exists()


# Logs of what ended.


def test_identical_failures_are_one_group_with_one_example(failed_study, capsys):
    assert logs.main([str(failed_study.folder), "--failed", "--lines", "3"]) == 0
    out = capsys.readouterr().out
    assert "failed: train: 3 runs, one cause: exception" in out
    assert out.count("==> ") == 1
    shown, others = out.split("and 2 more:\n")[:2]
    assert "Diverged: training diverged" in shown
    hot = {task.label: task.log for task in statuses(failed_study) if task.state == "failed" and task.stage == "train"}
    listed = [label for label, log in hot.items() if f"  train {label}  {log}\n" in others]
    assert len(listed) == 2
    (example,) = set(hot) - set(listed)
    assert f"==> train {example}: attempt 1 of 1: {hot[example]} <==" in shown


def test_without_a_word_a_study_that_ended_shows_what_failed(failed_study, capsys):
    assert logs.main([str(failed_study.folder)]) == 0
    assert "3 runs, one cause" in capsys.readouterr().out


def test_a_good_run_shows_what_ended_last(failed_study, capsys):
    assert logs.main([str(failed_study.folder), "good"]) == 0
    (heading,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("==> ")]
    assert heading.startswith("==> evaluate good block ")
    assert logs.main([str(failed_study.folder), "good", "--stage", "train", "--lines", "0"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.startswith("==> train good: attempt 1 of 1: ")
    (train,) = [task for task in statuses(failed_study) if task.stage == "train" and task.label == "good"]
    assert lines == Path(train.log).read_text().splitlines()


def test_a_log_is_printed_as_it_is(failed_study, capsys):
    (train,) = [task for task in statuses(failed_study) if task.stage == "train" and task.label == "good"]
    with Path(train.log).open("ab") as log:
        log.write(b"[red]no markup[/red] and no \xff UTF-8 [0/3]\n")
    assert logs.main([str(failed_study.folder), train.name, "--stage", "train", "-n", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "[red]no markup[/red] and no � UTF-8 [0/3]"


def test_a_moved_study_still_has_its_logs(failed_study, capsys):
    moved = failed_study.folder.rename(failed_study.folder.with_name("moved"))
    try:
        assert logs.main([str(moved), "good", "--stage", "train"]) == 0
        assert f": {moved}/submissions/" in capsys.readouterr().out
    finally:
        moved.rename(failed_study.folder)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["hto2"], "hto2: no run, stage or task is called so; did you mean hot2"),
        (["zzzz"], "there are the stages train, render, evaluate, report, and the runs "),
        (["--stage", "trian"], "--stage trian: no such stage; this study has train, render, evaluate"),
        (
            ["good", "--stage", "train", "--attempt", "2"],
            "--attempt 2: no such attempt; there are: 1 to 1 (train good)",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_exist(failed_study, capsys, arguments, complaint):
    assert logs.main([str(failed_study.folder), *arguments]) == 2
    assert complaint in capsys.readouterr().err


def tasks_of(**labels: str) -> list[JudgedTask]:
    runs = list(labels.items())
    tasks = [JudgedTask("train", run, label, "done", run=run) for run, label in runs]
    blocks = [(f"{run}.{block}", label, run) for run, label in runs for block in (0, 1)]
    return tasks + [JudgedTask("evaluate", name, label, "done", run=run) for name, label, run in blocks]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("ra10", ["ra10", "ra10.0", "ra10.1"]),
        ("ra10.1", ["ra10.1"]),
        ("rb", ["rb77", "rb77.0", "rb77.1"]),
        ("rb.0", ["rb77.0"]),
        ("seed=1", ["ra10", "ra10.0", "ra10.1"]),
        ("seed=10", ["rb77", "rb77.0", "rb77.1"]),
        ("wide seed=10", ["rb77", "rb77.0", "rb77.1"]),
        ("eed=2", ["ra11", "ra11.0", "ra11.1"]),
        ("train", ["ra10", "ra11", "rb77"]),
    ],
)
def test_a_word_names_runs_and_tasks(what, names):
    tasks = tasks_of(ra10="seed=1", ra11="seed=2", rb77="wide seed=10")
    assert [task.name for task in matching(tasks, what)] == names


def test_the_beginning_of_two_ids_names_neither():
    with pytest.raises(UnknownName, match=r"ra is the beginning of several names: ra10 \(seed=1\), ra11 \(seed=2\)"):
        matching(tasks_of(ra10="seed=1", ra11="seed=2"), "ra")


# Logs of what runs.


def followed(held: HeldStub, *arguments: object) -> list[str]:
    """The lines of ``runner.logs --follow``, begun while the study trains, until it ends by itself."""
    runner = start("submit", *halted_study(held))
    held.attempt()
    follower = start("logs", held.paths.folder, *arguments, "--follow")
    first = follower.stdout.readline()
    held.let_go()
    rest = follower.stdout.read()  # not communicate, which knows nothing of what readline has read ahead
    follower.communicate(timeout=300)
    runner.communicate(timeout=120)
    assert (runner.returncode, follower.returncode) == (0, 0), rest
    return [first.rstrip("\n"), *rest.splitlines()]


@pytest.mark.usefixtures("training_alone")
def test_following_ends_by_itself_when_the_task_ends(held):
    heading, *lines, end = followed(held, "--stage", "train", "--lines", 0)
    (train,) = [task for task in statuses(held.paths) if task.stage == "train"]
    assert heading == f"==> train tiny: attempt 1: {train.log} <=="
    assert end == "==> train tiny: done <=="
    assert lines == Path(train.log).read_text().splitlines()
    assert any(line.startswith(f"train {train.name}: 5/5") for line in lines)


def test_a_run_is_followed_through_all_its_stages(held):
    lines = followed(held, "tiny")
    ends = [line for line in lines if line.startswith("==> ") and line.endswith(": done <==")]
    assert ends == ["==> train tiny: done <==", "==> render tiny: done <==", *ends[2:]]
    assert ends[2].startswith("==> evaluate tiny block ")
    assert [line for line in lines if line.startswith("train tiny | train ") and ": 5/5 " in line]


@pytest.mark.usefixtures("training_alone")
def test_ctrl_c_leaves_following_cleanly_and_the_task_goes_on(held):
    runner = start("submit", *halted_study(held))
    paths = held.paths
    try:
        held.attempt()
        follower = start("logs", paths.folder, "--follow")
        assert follower.stdout.readline().startswith("==> train tiny: attempt 1: ")
        follower.send_signal(signal.SIGINT)
        out, _ = follower.communicate(timeout=120)
        assert follower.returncode == 130
        assert "Traceback" not in out
        assert runner.poll() is None
    finally:
        assert cancel.main([str(paths.folder)]) == 0
        runner.communicate(timeout=120)


@pytest.mark.usefixtures("training_alone")
def test_the_log_of_an_earlier_attempt_can_be_read(held, capsys):
    arguments = halted_study(held)
    runner = start("submit", *arguments)
    paths = held.paths
    held.attempt()
    assert cancel.main([str(paths.folder)]) == 0
    runner.communicate(timeout=120)
    held.let_go()
    assert submit(*arguments) == 0
    capsys.readouterr()
    assert logs.main([str(paths.folder), "tiny", "--stage", "train"]) == 0
    now = capsys.readouterr().out
    assert "==> train tiny: attempt 2 of 2: " in now
    assert ": 5/5 " in now
    assert logs.main([str(paths.folder), "tiny", "--stage", "train", "--attempt", "1"]) == 0
    before = capsys.readouterr().out
    assert "==> train tiny: attempt 1 of 2: " in before
    assert ": 5/5 " not in before
    assert "KeyboardInterrupt" in before


def append(file: Path, text: str) -> None:
    with file.open("a") as log:
        log.write(text)


def record(paths: StudyPaths, number: int, **changes: object) -> None:
    """An attempt at training by this process, with a log of its own."""
    task = {"stage": "train", "task": "r1", "number": number, "host": os.uname().nodename, "pid": os.getpid()}
    fields = {"start": time.time(), "log": str(paths.folder / f"{number}.log"), "born": born(os.getpid())}
    write_json(paths.run("r1").attempts / f"train-r1-{number}.json", task | fields | changes)


def test_following_turns_to_the_next_attempt_and_its_other_file(tmp_path, capsys, monkeypatch):
    """The first attempt is lost with its job; the task is sent again as another, which logs elsewhere."""
    paths = StudyPaths(tmp_path / "study")
    (paths.run("r1").attempts).mkdir(parents=True)
    (paths.folder / "1.log").write_text("old\nfirst\n")
    record(paths, 1, job="7")
    task = JudgedTask(
        "train", "r1", "seed=1", "running", attempts=1, job="7", log=str(paths.folder / "1.log"), detail="", run="r1"
    )
    monkeypatch.setattr(follow, "study_status", lambda *_: pytest.fail("nothing is asked"))
    monkeypatch.setattr(follow, "STUDY_S", 1e9)
    steps = iter(
        [
            lambda: append(paths.folder / "1.log", "last of 1\nunfinished"),
            lambda: (record(paths, 2, job="7"), (paths.folder / "2.log").write_text("first of 2\n")),
            lambda: (
                record(paths, 2, job="7", outcome="done"),
                append(paths.folder / "2.log", "last of 2\n"),
            ),
        ]
    )
    monkeypatch.setattr(follow.time, "sleep", lambda _: next(steps, lambda: None)())
    monkeypatch.setattr(follow, "QUIET_S", 0.05)
    monkeypatch.setattr(follow, "SHARE", 1e9)
    follow.follow(paths, [task], lines=1)
    assert capsys.readouterr().out.splitlines() == [
        f"==> train seed=1: attempt 1: {paths.folder}/1.log <==",
        "first",
        "last of 1",
        "unfinished",
        f"==> train seed=1: attempt 2: {paths.folder}/2.log <==",
        "first of 2",
        "last of 2",
        "==> train seed=1: done <==",
    ]


def test_a_job_that_slurm_puts_back_is_followed_in_the_same_file(tmp_path, capsys, monkeypatch):
    """Attempt 1 was interrupted by its time limit: that is no end as long as SLURM has the job."""
    paths = StudyPaths(tmp_path / "study")
    log = paths.folder / "7_0_log.out"
    (paths.run("r1").attempts).mkdir(parents=True)
    log.write_text("a\n")
    record(paths, 1, job="7", log=str(log))
    task = JudgedTask("train", "r1", "", "running", attempts=1, job="7", log=str(log), run="r1")
    waiting = replace(task, state="waiting", detail="its turn after it was put back into the queue")
    monkeypatch.setattr(follow, "study_status", lambda *_: type("Status", (), {"tasks": [waiting]}))
    steps = iter(
        [
            lambda: record(paths, 1, job="7", log=str(log), outcome="interrupted", cause="SystemExit"),
            *[lambda: None] * 5,
            lambda: (record(paths, 2, job="7", log=str(log)), append(log, "b\n")),
            lambda: record(paths, 2, job="7", log=str(log), outcome="done"),
        ]
    )
    monkeypatch.setattr(follow.time, "sleep", lambda _: next(steps, lambda: None)())
    monkeypatch.setattr(follow, "STUDY_S", 0.0)
    monkeypatch.setattr(follow, "QUIET_S", 0.05)
    monkeypatch.setattr(follow, "SHARE", 1e9)
    follow.follow(paths, [task], lines=None)
    heading, *rest = capsys.readouterr().out.splitlines()
    assert heading == f"==> train r1: attempt 1: {log} <=="
    assert rest == ["a", f"==> train r1: attempt 2: {log} <==", "b", "==> train r1: done <=="]


# Reading files from their end.


def test_the_last_lines_of_a_large_file_are_found(tmp_path):
    file = tmp_path / "log"
    lines = [f"line {n} " + "x" * (n % 200) for n in range(5000)]
    file.write_text("\n".join(lines) + "\n")
    for count in (1, 3, 1000, 9999):
        assert last_lines(file, count)[0].split("\n")[:-1] == lines[-count:]
    assert last_lines(file, None)[0] == file.read_text()
    assert last_lines(file, 3)[1] == file.stat().st_size
    assert last_lines(tmp_path / "none", 3) == ("", 0)


def test_a_carriage_return_ends_no_line_and_the_last_line_may_be_open(tmp_path):
    file = tmp_path / "log"
    file.write_bytes(b"one\n10%\r50%\r100%\nopen")
    assert last_lines(file, 2)[0] == "10%\r50%\r100%\nopen"


def test_growth_is_read_once_and_a_letter_may_come_in_two_parts(tmp_path):
    file = tmp_path / "log"
    growth = Growth(file)
    assert growth.read() == ""
    file.write_bytes("ä".encode()[:1])
    assert growth.read() == ""
    with file.open("ab") as log:
        log.write("ä".encode()[1:] + b"\n")
    assert growth.read() == "ä\n"
    assert growth.read() == ""
    file.write_text("n\n")  # replaced by a shorter one
    assert growth.read() == "n\n"


def test_json_and_logs_agree_on_the_names_of_logs(failed_study, capsys):
    """`runner.status --json` names the file that `runner.logs` shows."""
    status.main([str(failed_study.folder), "--json"])
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    (train,) = [task for task in tasks if task["stage"] == "train" and task["label"] == "good"]
    assert logs.main([str(failed_study.folder), "good", "--stage", "train"]) == 0
    assert train["log"] in capsys.readouterr().out
