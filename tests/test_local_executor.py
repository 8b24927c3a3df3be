"""The local executor keeps order and limits, survives failures and interrupts, and says what happened."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY, HeldStub, tiny_study, wait_for
from stub_stages import installed

from jobs.attempt import last_attempt
from jobs.device import GPUS_VARIABLE, NoGpu, task_device
from jobs.processes import born
from runner.executors.executor import Room
from runner.executors.gpus import visible_gpus
from runner.executors.here import shares
from runner.executors.inside import HERE
from runner.executors.local import Local
from runner.executors.processes import Budget, LocalTask
from runner.executors.task import TaskCall
from runner.record.state import study_status
from runner.record.tasks import known_tasks
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.submit import main
from srcnn.paths import RootPaths, StudyPaths

STUBS = ("-m", "stub_stages", "submit")
FOLLOWING = ("render", "evaluate")


@dataclass(frozen=True)
class Done:
    """How a submission ended, and what it said."""

    status: int
    out: str


@pytest.fixture
def submit(stubs, capsys) -> Callable[..., Done]:
    """``submit(*arguments, **stages)``: how a local execution ends that this process runs, on stub stages."""

    def call(*arguments: object, **stages: tuple[str, ...]) -> Done:
        capsys.readouterr()
        with installed(**stages):
            status = main([*map(str, arguments), "--executor", "local"])
        return Done(status, "".join(capsys.readouterr()))

    return call


def test_one_failing_run_does_not_stop_the_other_and_is_explained(tmp_path, submit):
    rates = {"good": {}, "bad": {"training.learning_rate": 1e30}}
    file = tiny_study(tmp_path, sweep={"cases": rates})
    done = submit(file, "--root", tmp_path / "results", without=FOLLOWING)
    assert done.status == 1
    assert "failed: train bad" in done.out
    assert "Diverged: training diverged: the loss is" in done.out
    assert f"python -m runner.submit {tmp_path}/results/tiny" in done.out
    (log,) = [line.split("log: ")[1] for line in done.out.splitlines() if "log: " in line]
    assert "Diverged" in Path(log).read_text()
    paths = StudyPaths(tmp_path / "results" / "tiny")
    runs = {task.label: task for task in known_tasks(paths) if task.stage == "train"}
    assert {label: task.complete for label, task in runs.items()} == {"good": True, "bad": False}
    assert runs["good"].run in paths.report_page.read_text()


def test_a_finished_local_study_has_nothing_left_to_do(tmp_path, submit):
    file = tiny_study(tmp_path)
    first = submit(file, "--root", tmp_path / "results", without=FOLLOWING)
    assert first.status == 0, first.out
    assert first.out.splitlines()[-1] == f"Report: {tmp_path}/results/tiny/report/index.html"
    again = submit(file, "--root", tmp_path / "results", without=FOLLOWING)
    assert again.status == 0
    assert "Everything is done." in again.out


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found + [grandchild for child in found for grandchild in children_of(child)]


def started(held: HeldStub, **options: object) -> subprocess.Popen[str]:
    """A local execution of a study that trains, and halts."""
    command = [sys.executable, *STUBS, str(held.study()), "--executor", "local", "--cores", "1"]
    return subprocess.Popen(
        [*command, "--root", str(held.paths.folder.parent)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_children_and_the_next_submit_goes_on(held, submit, number):
    process = started(held, start_new_session=True)
    held.attempt()
    children = children_of(process.pid)
    assert children
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command goes on from there" in out
    assert "Traceback" not in out
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    (attempts,) = held.paths.folder.glob("runs/*/attempts")
    assert last_attempt(attempts, "train", attempts.parent.name).outcome == "interrupted"
    assert held.counted() == [1]
    held.let_go()
    assert submit(held.paths.folder, "--cores", 1).status == 0
    assert held.counted() == list(range(1, held.epochs + 1))


def test_a_killed_task_is_a_failure_with_a_reason(held):
    process = started(held)
    os.kill(held.attempt().pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Killed: the process ended without a word" in out
    assert "not started, because what they need failed: 2 tasks" in out
    (attempts,) = held.paths.folder.glob("runs/*/attempts")
    assert last_attempt(attempts, "train", attempts.parent.name).outcome == "failed"


# As NVIDIA's manual shows the output of nvidia-smi -L; MIG is the division of one GPU into several.
TWO_GPUS = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-e8c4b8f6-07e1-11ee-8a2c-0242ac120002)
"""
DIVIDED = """\
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736-a75d-5afc-978f-d2f1294409fd)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)
"""


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.fixture
def training(held):
    """A local execution whose task trains, and the record of the task."""
    process = started(held)
    yield process, held.attempt()
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("training_alone")
def test_a_task_whose_controller_is_killed_is_waited_for(training, held):
    """It trains on, and is neither called killed nor started beside itself."""
    process, record = training
    os.kill(parent_of(record.pid), signal.SIGKILL)
    wait_for(lambda: parent_of(record.pid) == 1)
    held.let_go()
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    assert "Killed" not in out
    (only,) = held.paths.folder.glob("runs/*/attempts/train-*.json")
    after = json.loads(only.read_text())
    assert (after["pid"], after["outcome"], after["done"]) == (record.pid, "done", held.epochs)


def test_an_interrupt_reaches_a_task_whose_controller_was_killed(training, held):
    process, record = training
    os.kill(parent_of(record.pid), signal.SIGKILL)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 130, out
    assert born(record.pid) is None
    (attempts,) = held.paths.folder.glob("runs/*/attempts")
    assert last_attempt(attempts, "train", attempts.parent.name).outcome == "interrupted"


@pytest.mark.usefixtures("training_alone")
def test_a_task_whose_controller_is_killed_before_it_began_is_waited_for(tmp_path, submit, monkeypatch):
    """While Python still imports there is no record of the task yet."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "sitecustomize.py").write_text(
        "import os, pathlib, signal, sys\n"
        "mark = pathlib.Path(__file__).with_name('killed')\n"
        "if 'submitit.core._submit' in sys.orig_argv and not mark.exists():\n"
        "    mark.touch()\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
    )
    file = tiny_study(tmp_path, training__epochs=1)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), os.environ["PYTHONPATH"]]))
    done = submit(file, "--root", tmp_path / "results")
    assert (home / "killed").exists()
    assert done.status == 0, done.out
    (only,) = (tmp_path / "results" / "tiny" / "runs").glob("*/attempts/train-*.json")
    assert json.loads(only.read_text())["outcome"] == "done"


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A machine whose nvidia-smi lists two GPUs; the real tool is asked, the driver is not."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{TWO_GPUS}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tool


def test_gpus_are_those_that_cuda_may_see(two_gpus, monkeypatch):
    assert visible_gpus() == (0, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert visible_gpus() == (1,)
    for none in ("", "-1", "NoDevFiles", "GPU-0000", "MIG-c7384736"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert visible_gpus() == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,7,0")  # what follows a GPU that is not there does not count
    assert visible_gpus() == (1,)


def test_gpus_and_parts_of_gpus_are_known_by_their_uuids_too(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-e8c4b8f6-07e1-11ee-8a2c-0242ac120002,GPU-5c89")
    assert visible_gpus() == ("GPU-e8c4b8f6-07e1-11ee-8a2c-0242ac120002", "GPU-5c89")
    two_gpus.write_text(f"#!/bin/sh\ncat <<'END'\n{TWO_GPUS}{DIVIDED}END\n")
    parts = ("MIG-c7384736-a75d-5afc-978f-d2f1294409fd", "MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", parts[1])
    assert visible_gpus() == parts[1:]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_gpus() == (0, *parts)


def test_each_gpu_serves_one_task_at_a_time(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}})
    study, _ = load_study(str(file))
    plan = make_plan(study, RootPaths(tmp_path / "results"))
    shared = shares(plan.stage("train"), study.cluster, cores=4, gpus=2)
    states = [LocalTask(state.task, state.cores, state.gpu) for state in shared]
    assert [(state.gpu, state.cores) for state in states] == [(True, 2)] * 3
    budget = Budget(4, [0, 1])
    assert [budget.take(state) for state in states] == [True, True, False]
    assert [state.gpu_index for state in states[:2]] == [0, 1]
    budget.give_back(states[0])
    assert budget.take(states[2])
    assert states[2].gpu_index == 0


@pytest.mark.usefixtures("training_alone")
def test_several_runs_share_a_gpu_and_one_that_is_killed_takes_no_other(held, two_gpus):
    probe = {"train": {"gpus": 1, "setup": [f"echo $CUDA_VISIBLE_DEVICES >> {held.folder}/sees.txt"]}}
    file = held.study(sweep={"grid": {"seed": [1, 2, 3, 4, 5]}}, cluster=probe)
    where = ["--executor", "local", "--root", str(held.paths.folder.parent), "--cores", "8"]
    command = [sys.executable, *STUBS, str(file), *where, "--runs-per-gpu", "2"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(lambda: len(list(held.paths.folder.glob("runs/*/epochs.txt"))) == 4)
        assert sorted((held.folder / "sees.txt").read_text().split()) == ["0", "0", "1", "1"]
        first = min(known_tasks(held.paths), key=lambda task: task.label)
        os.kill(first.attempt.pid, signal.SIGKILL)
        # Its place is the next one's.
        wait_for(lambda: len(list(held.paths.folder.glob("runs/*/epochs.txt"))) == 5)
        held.let_go()
        out, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "train seed=1 failed" in out
    assert [task.complete for task in known_tasks(held.paths)] == [False, True, True, True, True]
    assert len((held.folder / "sees.txt").read_text().split()) == 5


def test_a_gpu_is_shared_by_no_more_than_was_said_and_the_plan_says_it(tmp_path, two_gpus):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3, 4, 5, 6]}})
    study, _ = load_study(str(file))
    plan = make_plan(study, RootPaths(tmp_path / "results"))
    assert Local().asks(plan, plan.tasks, Room(12, 2))["train"] == "1 GPU shared by up to 2, 3 cores"
    states = [LocalTask(each.task, each.cores, each.gpu) for each in shares(plan.stage("train"), study.cluster, 12, 4)]
    budget = Budget(12, [0, 1, 0, 1])
    assert [budget.take(state) for state in states] == [True, True, True, True, False, False]
    for state in states[1:4:2]:  # both on the second GPU
        assert state.gpu_index == 1
        budget.give_back(state)
    assert [budget.take(state) for state in states[4:]] == [True, True]
    assert [state.gpu_index for state in states[4:]] == [1, 1]


@pytest.mark.parametrize(
    ("executor", "flag", "remedy"),
    [
        ("slurm", "--runs-per-gpu", "on SLURM say cluster.train.pack=2"),
        ("slurm", "--cores", "on SLURM say cluster.cpus=2"),
        ("debug", "--runs-per-gpu", "leave --runs-per-gpu out"),
        ("debug", "--cores", "leave --cores out"),
    ],
)
def test_what_an_executor_cannot_heed_is_refused(study_file, tmp_path, capsys, executor, flag, remedy):
    arguments = [str(study_file), "--executor", executor, "--dry-run", "--root", str(tmp_path / "results")]
    assert main([*arguments, flag, "2"]) == 2
    assert f"--executor {executor} does not heed {flag} 2; {remedy}" in capsys.readouterr().err


@pytest.mark.usefixtures("training_alone")
def test_a_training_on_a_gpu_machine_sees_its_own_gpu_only(tmp_path, two_gpus, submit, monkeypatch):
    file = tiny_study(tmp_path, data__eval={}, data__test={}, training__epochs=1)
    probe = f'cluster.train.setup=["echo $CUDA_VISIBLE_DEVICES >> {tmp_path}/sees.txt"]'
    where = ("cluster.train.gpus=1", "--root", tmp_path / "results")
    for seeds, visible in (("[1, 2]", "0,1"), ("[3, 4]", "GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f,GPU-e8c4b8f6")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        (tmp_path / "sees.txt").write_text("")
        done = submit(file, probe, f"sweep.grid.seed={seeds}", *where)
        assert done.status == 0, done.out
        assert sorted((tmp_path / "sees.txt").read_text().splitlines()) == visible.split(",")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no GPU")
def test_a_gpu_that_torch_does_not_see_stops_the_training_at_once(tmp_path, two_gpus, submit, monkeypatch):
    file = tiny_study(tmp_path, data__eval={}, data__test={}, training__epochs=1)
    plan = make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))
    plan.stage("prepare")[0].job()
    done = submit(file, "--root", tmp_path / "results", real=("prepare", "train"), without=FOLLOWING)
    assert done.status == 1
    assert "no GPU here" not in done.out
    said = f"1 GPU asked for, and torch sees none on {socket.gethostname()}: torch {torch.__version__} (built for "
    assert said in done.out
    assert "nvidia-smi: GPU 0: NVIDIA A100" in done.out
    (train,) = [t for t in study_status(StudyPaths(tmp_path / "results/tiny"), time.time()).tasks if t.stage == "train"]
    assert (train.state, train.cause) == ("failed", "no GPU")
    # What the local executor starts where none is asked for.
    cluster = load_study(str(file), ["cluster.train.gpus=0"])[0].cluster
    (share,) = shares(plan.stage("train"), cluster, cores=1, gpus=len(visible_gpus()))
    monkeypatch.setenv(GPUS_VARIABLE, "1")
    TaskCall.of(share.task, tmp_path, HERE, cores=share.cores, gpus=int(share.gpu))()
    assert share.task.job.is_done()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no GPU")
def test_tasks_of_the_process_that_submits_ask_for_the_gpu_too(tmp_path, two_gpus, monkeypatch, capsys):
    monkeypatch.setenv(GPUS_VARIABLE, "0")  # put back afterwards: the tasks set it here
    file = tiny_study(tmp_path, data__eval={}, data__test={}, training__epochs=1)
    arguments = [str(file), "--executor", "debug", "--root", str(tmp_path / "results")]
    assert main([*arguments, "--dry-run"]) == 0
    assert "1 GPU, 1 core" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "1 GPU asked for, and torch sees none" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no GPU")
def test_the_remedies_of_a_missing_gpu_give_the_cpu(two_gpus, monkeypatch):
    monkeypatch.setenv(GPUS_VARIABLE, "1")
    with pytest.raises(NoGpu, match=r"gpus=0 of the stage .*, or training.device=cpu"):
        task_device()
    assert task_device("cpu").type == "cpu"
    monkeypatch.setenv(GPUS_VARIABLE, "0")
    assert task_device().type == "cpu"


def test_a_machine_without_gpu_says_before_it_starts_that_training_takes_the_cpu(
    tmp_path, two_gpus, capsys, monkeypatch
):
    file = tiny_study(tmp_path, data__eval={}, data__test={}, training__epochs=1)

    def said(*settings: str) -> str:
        arguments = (str(file), "--executor", "local", "--root", str(tmp_path / "results"), "--dry-run")
        assert main([*arguments, *settings]) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    hidden = "no GPU here (hidden by CUDA_VISIBLE_DEVICES=''): train would use one and runs on the CPU"
    assert hidden in said()
    assert "no GPU here" not in said("cluster.train.gpus=0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    two_gpus.write_text("#!/bin/sh\necho No devices were found\nexit 6\n")
    assert "note: no GPU here (nvidia-smi: No devices were found): train would use one" in said()
    assert "training will fail at once, since training.device is cuda" in said("training.device=cuda")


def test_tasks_share_the_cores_and_never_take_more(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}})
    study, _ = load_study(str(file))
    plan = make_plan(study, RootPaths(tmp_path / "results"))
    for cores, each in [(1, 1), (2, 1), (6, 2), (16, 5)]:
        states = shares(plan.stage("train"), study.cluster, cores=cores, gpus=0)
        assert {state.cores for state in states} == {each}
    few, _ = load_study(str(file), ["cluster.train.cpus=4"])
    assert {s.cores for s in shares(plan.stage("train"), few.cluster, cores=2, gpus=0)} == {2}
    one, _ = load_study(str(file), ["cluster.train.parallelism=1"])
    assert {s.cores for s in shares(plan.stage("train"), one.cluster, cores=4, gpus=0)} == {4}


def test_a_budget_gives_nothing_that_it_has_not(tmp_path):
    file = tiny_study(tmp_path)
    plan = make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))
    state = LocalTask(plan.tasks[0], cores=3, gpu=False)
    assert not Budget(2).take(state)
    assert Budget(3).take(state)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no_such_study"], "expected a YAML file, the folder of a submitted study, or one of: "),
        (["quickstart", "training.epoch=1"], "did you mean training.epochs?"),
        (["quickstart", "data.eval=set5"], "python -m jobs.fetch set5"),
        (["quickstart", "data.eval=bundled/camera"], "evaluation pictures are among the training pictures"),
        (["quickstart", "--data-root", "/no/such/folder"], "--data-root /no/such/folder: no such folder"),
        (["quickstart", "data.patch_size=700"], "is larger than every training picture"),
        (["quickstart", "evaluate.crops=[[2000,2000]]", "evaluate.protocols=[region]"], "is smaller than every crop"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_starts(tmp_path, capsys, arguments, complaint):
    assert main([*arguments, "--executor", "debug", "--root", str(tmp_path / "results")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "results" / "quickstart").exists()


def test_a_declared_leak_is_allowed_and_still_reported(tmp_path, capsys):
    arguments = ["quickstart", "data.eval=bundled/camera", "data.allow_leak=true", "--dry-run", "--executor", "local"]
    assert main([*arguments, "--root", str(tmp_path / "results")]) == 0
    assert "note: 1 evaluation pictures are among the training pictures" in capsys.readouterr().out


def test_a_study_remembers_where_its_public_pictures_were(tmp_path, data_root):
    file = tiny_study(tmp_path, data__eval={"five": ["set5"]})
    arguments = [str(file), "--root", str(tmp_path / "results"), "--data-root", str(data_root)]
    from runner.study.plan import make_plan as plan_of

    study, _ = load_study(str(file))
    plan_of(study, RootPaths(tmp_path / "results"), data_root).save()
    assert main([*arguments, "--dry-run", "--executor", "local"]) == 0
    assert main([str(tmp_path / "results" / "tiny"), "--dry-run", "--executor", "local"]) == 0
