"""The batch script after its task: what counts as finished, what goes back into the queue, what is ended before."""

import ast
import os
import pickle
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, ended, tiny_study, wait_for

from runner.executors.slurm.requeue import FAILED, KILLED, KILLS, WARNED, killed_from_outside
from runner.executors.slurm.send import batch_files
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.paths import RootPaths

JOB = "71_1"


@pytest.fixture
def batch(tmp_path):
    """The batch file of an array's training, and the folder where its task leaves word."""
    plan = make_plan(load_study(str(tiny_study(tmp_path)), ["sweep.grid.seed=[1,2]"])[0], RootPaths(tmp_path / "root"))
    folder = plan.paths.submission("TIME") / "train"
    folder.mkdir(parents=True)
    (tmp_path / "batch.sh").write_text(batch_files(plan, plan.tasks)["train"])
    return folder


def run(tmp_path: Path, srun: str, state: str = "RUNNING", silent: str = "", restarts: int = 0) -> tuple[int, str]:
    """The status of the batch file with these lines for srun, and what scontrol was asked.

    ``silent`` is how squeue begins, ``restarts`` how often SLURM has started the job again by then.
    """
    programs = {
        "srun": srun,
        "squeue": f"{silent}\necho {state} {restarts}",
        "scontrol": f'echo "$@" >> {tmp_path}/asked',
    }
    for name, lines in programs.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "SLURM_JOB_ID": "72",
        "SLURM_ARRAY_JOB_ID": "71",
        "SLURM_ARRAY_TASK_ID": "1",
    }
    done = subprocess.run(["bash", str(tmp_path / "batch.sh")], env=environment, capture_output=True, text=True)
    assert not done.stderr
    asked = tmp_path / "asked"
    return done.returncode, asked.read_text().strip() if asked.exists() else ""


def leaves_word(folder: Path, word: str) -> str:
    """A shell line that leaves a task's last word as submitit does."""
    file = folder / "word"
    file.write_bytes(pickle.dumps((word, None)))
    return f"cp {shlex.quote(str(file))} {shlex.quote(str(folder))}/{JOB}_0_result.pkl"


def test_a_task_that_says_it_finished_has_finished(tmp_path, batch):
    assert run(tmp_path, leaves_word(batch, "success")) == (0, "")


def test_success_of_srun_alone_is_none_and_the_task_runs_again(tmp_path, batch):
    assert run(tmp_path, "exit 0") == (KILLED, f"requeue {JOB}")


def test_the_word_of_an_earlier_attempt_does_not_count(tmp_path, batch):
    assert run(tmp_path, leaves_word(batch, "success"))[0] == 0
    assert run(tmp_path, "exit 0") == (KILLED, f"requeue {JOB}")


def test_a_task_that_failed_by_its_own_word_is_not_run_again_whatever_srun_says(tmp_path, batch):
    assert run(tmp_path, leaves_word(batch, "error")) == (FAILED, "")


@pytest.mark.parametrize("number", ["KILL", "TERM", "USR1", "USR2"])
def test_a_task_that_somebody_ended_by_a_signal_runs_again(tmp_path, batch, number):
    status = 128 + signal.Signals[f"SIG{number}"]
    assert run(tmp_path, f"exit {status}") == (KILLED, f"requeue {JOB}")


@pytest.mark.parametrize("status", [1, 2, 128 + signal.SIGSEGV, 128 + signal.SIGABRT, 255])
def test_a_task_that_ended_by_a_fault_of_its_own_does_not_run_again(tmp_path, batch, status):
    assert run(tmp_path, f"exit {status}") == (status, "")


def test_a_job_that_was_cancelled_or_ends_so_too_often_is_left_alone(tmp_path, batch):
    assert run(tmp_path, "exit 0", state="CANCELLED") == (KILLED, "")  # which is no accident, and not counted
    for _ in range(KILLS):
        run(tmp_path, "exit 0")
    assert run(tmp_path, "exit 0") == (KILLED, "\n".join([f"requeue {JOB}"] * KILLS))


def test_a_controller_that_is_silent_is_waited_for(tmp_path, batch):
    words = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    silent = f"[ -e {tmp_path}/back ] || {{ touch {tmp_path}/back; echo '{words}' >&2; exit 1; }}"
    assert run(tmp_path, "exit 137", silent=silent) == (KILLED, f"requeue {JOB}")


def test_a_controller_that_refuses_is_not_asked_for_ever(tmp_path, batch):
    refused = "echo 'slurm_load_jobs error: Access/permission denied' >&2; exit 1"
    assert run(tmp_path, "exit 137", silent=refused) == (KILLED, "")


def test_a_last_word_that_a_power_loss_emptied_is_none(tmp_path, batch):
    assert run(tmp_path, f": > {shlex.quote(str(batch))}/{JOB}_0_result.pkl") == (KILLED, f"requeue {JOB}")


def test_a_setup_line_that_ends_the_script_at_the_first_error_does_not_keep_a_killed_task_from_the_queue(
    tmp_path, batch
):
    script = tmp_path / "batch.sh"
    script.write_text(script.read_text().replace("# setup\n", "# setup\nset -euo pipefail\n"))
    assert run(tmp_path, "exit 137") == (KILLED, f"requeue {JOB}")


def test_a_task_that_was_warned_and_reaches_no_scontrol_runs_again_however_often(tmp_path, batch):
    for count in range(1, KILLS + 3):
        assert run(tmp_path, f"exit {WARNED}") == (KILLED, "\n".join([f"requeue {JOB}"] * count))
    assert run(tmp_path, f"exit {WARNED}", state="CANCELLED")[1].count("requeue") == KILLS + 2


def test_where_a_node_lacks_the_python_that_submitted_any_other_serves(tmp_path, batch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    script = tmp_path / "batch.sh"
    script.write_text(script.read_text().replace(sys.executable, "/nowhere/python"))
    assert run(tmp_path, "exit 0") == (KILLED, f"requeue {JOB}")
    assert run(tmp_path, leaves_word(batch, "success"))[0] == 0


@pytest.mark.parametrize(
    "module",
    [
        "executors/slurm/requeue",
        "executors/slurm/scheduler",
        "executors/slurm/site",
        "executors/job_state",
        "executors/submitit_names",
        "record/submission_files",
    ],
)
def test_what_runs_after_a_task_asks_for_no_newer_python_than_nodes_have(module):
    source = (REPOSITORY / "runner" / f"{module}.py").read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def test_a_python_that_is_too_old_makes_no_failure_of_a_success(tmp_path, batch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "python3").chmod(0o755)
    script = tmp_path / "batch.sh"
    script.write_text(script.read_text().replace(sys.executable, "/nowhere/python"))
    assert run(tmp_path, leaves_word(batch, "success"))[0] == 0
    assert [run(tmp_path, f"exit {status}")[0] for status in (0, 3, 137)] == [1, 3, 137]


def test_variables_of_squeue_do_not_hide_the_job(tmp_path, batch, monkeypatch):
    monkeypatch.setenv("SQUEUE_STATES", "CANCELLED")
    assert run(tmp_path, "exit 0", state="${SQUEUE_STATES:-RUNNING}") == (KILLED, f"requeue {JOB}")


@pytest.mark.parametrize("others", ["RUNNER_TASK={batch}/71_10", "SLURM_RESTART_COUNT=1"])
def test_what_lives_on_of_a_task_is_ended_and_nothing_else(tmp_path, batch, others):
    """Both have no parent any more; the other one is of the array's next element, or of the job's next execution."""
    left = f"setsid sleep 600 >/dev/null 2>&1 & echo $! > {tmp_path}/mine"
    other = f"{others.format(batch=batch)} setsid sleep 600 >/dev/null 2>&1 & echo $! > {tmp_path}/other"
    run(tmp_path, f"{left}\n{other}\nexit 0")
    mine, other = (int((tmp_path / name).read_text()) for name in ("mine", "other"))
    try:
        wait_for(lambda: ended(mine), seconds=60)
        assert not ended(other)
    finally:
        os.kill(other, signal.SIGKILL)


def test_a_job_that_slurm_has_started_elsewhere_already_is_left_alone(tmp_path, batch):
    """The node was lost for a while: its batch script learns late that its task is gone."""
    assert run(tmp_path, "exit 137", restarts=1) == (KILLED, "")
    assert run(tmp_path, "exit 137") == (KILLED, f"requeue {JOB}")


def test_the_ways_in_which_accounting_writes_a_kill_are_told_from_faults():
    kills = ["137:0", "9:0", "0:9", "140:0", "12:0", "0:12", "143:0", "15:0"]
    assert [code for code in kills if not killed_from_outside(code)] == []
    assert [code for code in ["0:0", "1:0", "139:0", "0:11", "11:0", "255:0", ""] if killed_from_outside(code)] == []


def held(batch: Path, *arguments: str) -> list[str]:
    """The command of the batch file that starts Python, with other arguments."""
    (line,) = [line for line in batch.parents[4].joinpath("batch.sh").read_text().splitlines() if "_submit " in line]
    command = shlex.split(line[line.index("sh -c") :])
    hold = REPOSITORY / "runner/executors/slurm/hold.py"  # this batch file was never sent, and has no copy of the code
    return ["sh", *command[1 : command.index("-I")], *arguments[:-2], "-I", "-S", str(hold), *arguments[-2:]]


@pytest.mark.parametrize("number", ["SIGUSR2", "SIGTERM"])
def test_a_signal_that_comes_before_its_handler_waits_for_it(batch, number):
    program = (
        "import os, signal\n"
        f"os.kill(os.getpid(), signal.{number})\n"
        f"signal.signal(signal.{number}, lambda *_: print('obeyed'))\n"
        "print('alive', flush=True)\n"
        "from runner.executors.slurm.hold import release\n"
        "release()\n"
    )
    done = subprocess.run(held(batch, "-c", program), capture_output=True, text=True, cwd=REPOSITORY)
    assert (done.stdout, done.stderr, done.returncode) == ("alive\nobeyed\n", "", 0)


def test_a_signal_without_a_handler_ends_a_task_once_it_is_let_through(batch):
    release = "from runner.executors.slurm.hold import release\nrelease()\n"
    program = f"import os\n{release}os.kill(os.getpid(), 12)\nprint('alive')\n"
    done = subprocess.run(held(batch, "-c", program), capture_output=True, text=True, cwd=REPOSITORY)
    assert (done.stdout, done.returncode) == ("", -signal.SIGUSR2)


def test_a_signal_that_submitit_was_told_to_use_is_held_too(batch):
    program = "import os\nos.kill(os.getpid(), 10)\nprint('alive')\n"
    environment = {**os.environ, "SUBMITIT_PREEMPT_SIGNAL": "USR1"}
    done = subprocess.run(held(batch, "-c", program), capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert (done.stdout, done.returncode) == ("alive\n", 0)


def test_python_is_started_with_all_of_its_own_options(batch):
    program = "import sys\nprint(sys.executable, sys.flags.isolated, sys.flags.no_site, sys.warnoptions, sys.argv)\n"
    done = subprocess.run(held(batch, "-W", "ignore", "-c", program), capture_output=True, text=True)
    assert done.stdout == f"{sys.executable} 0 0 ['ignore'] ['-c']\n"
