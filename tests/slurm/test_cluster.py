"""The throw-away cluster itself: what it offers, what may befall it, and what it leaves alone."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cluster import SCRIPT, Cluster, started


def submit(slurm: Cluster, command: str, *options: str) -> str:
    """The number of a new job that runs a shell command."""
    argv = ["sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={command}"]
    return slurm.run(*argv, check=True).stdout.strip()


def queue(slurm: Cluster) -> dict[str, str]:
    """The state of every job that waits or runs."""
    lines = slurm.run("squeue", "-h", "-o", "%i %T", check=True).stdout.splitlines()
    return dict(line.split() for line in lines)


def where(slurm: Cluster, job: str) -> str:
    """The node that runs a job; nothing while it waits."""
    return slurm.run("squeue", "-h", "-j", job, "-o", "%N", check=True).stdout.strip()


def wait_until(slurm: Cluster, job: str, state: str) -> None:
    slurm.wait_for(lambda: queue(slurm).get(job) == state, f"job {job} to be {state}")


def recorded(slurm: Cluster, job: str, *states: str) -> str:
    """The first of these states that accounting knows of a job."""

    def state() -> str | None:
        words = slurm.run("sacct", "-nPX", "-j", job, "-o", "State", check=True).stdout.split()
        return words[0] if words and words[0] in states else None

    return slurm.wait_for(state, f"sacct to call job {job} one of {states}")


def refusal(verb: str, folder: Path, **environment: str) -> str:
    """What cluster.sh says when it will not."""
    clean = {key: value for key, value in os.environ.items() if key != "SLURM_CONF"}
    done = subprocess.run([str(SCRIPT), verb, str(folder)], env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stderr


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen]:
    """A process that no cluster started."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def abandoned(tmp_path, slurm):
    """A folder as a cluster leaves it that ended without `stop`."""
    (tmp_path / "run").mkdir()
    for name in ("env.sh", "ports", "slurm.conf"):
        shutil.copy(slurm.dir / name, tmp_path)
    return tmp_path


def test_three_idle_nodes_stand_in_six_partitions(slurm):
    lines = slurm.run("sinfo", "-h", "-N", "-o", "%R %N %T %G", check=True).stdout.split("\n")
    assert sorted(filter(None, lines)) == [
        "cpu node2 idle (null)",
        "cpu node3 idle (null)",
        "gpu node1 idle gpu:2",
        "low node2 idle (null)",
        "low node3 idle (null)",
        "lowcancel node2 idle (null)",
        "lowcancel node3 idle (null)",
        "scant node2 idle (null)",
        "scant node3 idle (null)",
        "whole node2 idle (null)",
        "whole node3 idle (null)",
    ]


def test_a_job_runs_and_accounting_knows_it(slurm, tmp_path):
    job = submit(slurm, "echo $SLURMD_NODENAME", f"--output={tmp_path}/out")
    assert recorded(slurm, job, "COMPLETED")
    assert (tmp_path / "out").read_text().strip() in ("node2", "node3")


def test_two_gpus_can_be_had_at_once_and_not_three(slurm, tmp_path):
    command = f"echo $CUDA_VISIBLE_DEVICES > {tmp_path}/$SLURM_JOB_ID; sleep 600"
    jobs = [submit(slurm, command, "--partition=gpu", "--gres=gpu:1") for _ in range(3)]
    slurm.wait_for(lambda: sorted(queue(slurm).values()) == ["PENDING", "RUNNING", "RUNNING"], "two running jobs")
    files = [tmp_path / job for job in jobs[:2]]
    slurm.wait_for(lambda: all(file.exists() and file.read_text() for file in files), "both to name their GPU")
    assert sorted(file.read_text().strip() for file in files) == ["0", "1"]
    reason = slurm.run("squeue", "-h", "-j", jobs[2], "-o", "%r", check=True).stdout.strip()
    assert reason in ("Resources", "Priority", "None")


def test_a_job_over_its_memory_is_killed(slurm, tmp_path):
    hoard = shlex.join([sys.executable, "-c", "hoard = bytearray(b'x') * 300_000_000; input()"])
    job = submit(
        slurm, shlex.join(["bash", "-c", f"exec {hoard} < <(sleep 600)"]), "--mem=50", f"--output={tmp_path}/out"
    )
    assert recorded(slurm, job, "FAILED", "OUT_OF_MEMORY")
    assert "memory limit" in (tmp_path / "out").read_text()


def test_a_job_of_a_killed_node_runs_again_on_another(slurm):
    job = submit(slurm, "sleep 600")
    wait_until(slurm, job, "RUNNING")
    node = where(slurm, job)
    slurm.call("kill-node", node)
    slurm.wait_for(lambda: where(slurm, job) not in ("", node), "the job's second start")
    assert "Restarts=1" in slurm.run("scontrol", "show", "job", job, check=True).stdout


def test_every_process_of_a_killed_node_is_gone(slurm, tmp_path):
    command = f"(setsid sleep 601 & echo $! > {tmp_path}/adopted; wait) & echo $! > {tmp_path}/child; "
    submit(slurm, command + f"echo $$ > {tmp_path}/task; sleep 600", "--nodelist=node2")
    files = [tmp_path / name for name in ("adopted", "child", "task")]
    slurm.wait_for(lambda: all(file.exists() and file.read_text() for file in files), "the task's start")
    slurm.call("kill-node", "node2")
    assert not [file.name for file in files if Path(f"/proc/{file.read_text().strip()}/exe").exists()]


def test_a_task_outlives_its_slurmd(slurm, tmp_path):
    job = submit(slurm, f"echo $$ > {tmp_path}/pid; exec sleep 600", "--nodelist=node2")
    file = tmp_path / "pid"
    pid = int(slurm.wait_for(lambda: file.exists() and file.read_text(), "the task's start"))
    slurm.call("lose-slurmd", "node2")
    os.kill(pid, 0)
    slurm.call("start-node", "node2")
    assert queue(slurm) == {job: "RUNNING"}
    os.kill(pid, 0)


def test_jobs_live_through_a_new_controller(slurm):
    job = submit(slurm, "sleep 600")
    wait_until(slurm, job, "RUNNING")
    slurm.call("restart-controller")
    assert queue(slurm) == {job: "RUNNING"}


def test_sacct_fails_while_accounting_is_away_and_then_tells_what_it_missed(slurm):
    slurm.call("stop-accounting")
    assert slurm.run("sacct").returncode != 0
    job = submit(slurm, "true")
    slurm.wait_idle()
    slurm.call("start-accounting")
    assert recorded(slurm, job, "COMPLETED")


def test_a_low_job_gives_way_and_waits_to_run_again(slurm):
    low = submit(slurm, "sleep 600", "--partition=low", "--nodelist=node2", "--exclusive", "--time=60")
    wait_until(slurm, low, "RUNNING")
    high = submit(slurm, "sleep 600", "--partition=cpu", "--nodelist=node2", "--exclusive")
    wait_until(slurm, high, "RUNNING")
    assert queue(slurm)[low] == "PENDING"


def test_start_refuses_a_folder_whose_cluster_runs(slurm):
    assert "already runs" in refusal("start", slurm.dir)
    assert queue(slurm) == {}


def test_start_refuses_while_another_cluster_is_in_use(slurm, tmp_path):
    said = refusal("start", tmp_path / "new", SLURM_CONF="/etc/slurm/slurm.conf")
    assert "/etc/slurm/slurm.conf" in said
    assert "unset" in said


def test_start_refuses_taken_ports(slurm):
    last = max(int(line.split()[1]) for line in (slurm.dir / "ports").read_text().splitlines())
    new = slurm.dir.with_name(slurm.dir.name + "-second")
    assert "taken" in refusal("start", new, FIRST_PORT=str(last - 1))
    assert not new.exists()


@pytest.mark.parametrize("verb", ["start", "stop", "reset"])
def test_a_folder_with_files_of_something_else_is_left_alone(verb, slurm, tmp_path):
    (tmp_path / "thesis.tex").write_text("\\begin{document}")
    refusal(verb, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_stop_leaves_a_process_alone_that_inherited_a_number(abandoned, stranger):
    (abandoned / "run" / "slurmd.node1.pid").write_text(f"{stranger.pid}\n")
    subprocess.run([str(SCRIPT), "stop", str(abandoned)], check=True)
    assert stranger.poll() is None


def test_stop_leaves_the_daemons_of_another_cluster_alone(abandoned, slurm):
    for file in (slurm.dir / "run").glob("*.pid"):
        shutil.copy(file, abandoned / "run")
    subprocess.run([str(SCRIPT), "stop", str(abandoned)], check=True)
    assert slurm.run("scontrol", "ping").returncode == 0
    assert slurm.run("sinfo", "-h", "-o", "%T", check=True).stdout.split() == ["idle"]
    assert slurm.run("sacct").returncode == 0


def test_a_second_cluster_has_its_own_limits_and_leaves_nothing_running(slurm):
    with started(MAX_ARRAY_SIZE="12", MAX_JOB_COUNT="34") as small:
        shown = small.run("scontrol", "show", "config", check=True).stdout.split("\n")
        shown = dict(line.split("=", 1) for line in shown if "=" in line)
        shown = {key.strip(): value.strip() for key, value in shown.items()}
        assert (shown["MaxArraySize"], shown["MaxJobCount"]) == ("12", "34")
        assert small.run("sbatch", "--array=0-12", "--wrap=true").returncode != 0

        job = submit(small, "setsid sleep 600 & sleep 600")
        wait_until(small, job, "RUNNING")
        pids = [int(file.read_text()) for file in (small.dir / "run").glob("*.pid")]
        assert len(pids) == 7
        assert queue(slurm) == {}
    assert not [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]  # a zombie has none
    environments = [Path(f"/proc/{entry}/environ") for entry in os.listdir("/proc") if entry.isdigit()]
    assert not [file for file in environments if str(small.dir).encode() in read(file)]


def read(file: Path) -> bytes:
    """What it holds; nothing if it is gone or somebody else's."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
