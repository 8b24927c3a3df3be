"""What control groups allow a process, in both versions, counts beside what the machine has."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import REPOSITORY

from jobs import cgroups, job
from runner.checks import machine
from runner.checks.circumstances import Circumstances


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes the settings of groups and where this process is among them."""
    monkeypatch.setattr(cgroups, "CGROUPS", tmp_path)
    monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "own")

    def write(membership, **settings):
        (tmp_path / "own").write_text(membership)
        for name, value in settings.items():
            file = tmp_path.joinpath(*name.split("__")[:-1]) / name.split("__")[-1].replace("_", ".", 1)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")

    return write


def test_the_tightest_limit_of_all_groups_counts(groups):
    groups("0::/outer/inner", outer__inner__cpu_max="400000 100000", outer__inner__memory_max=8192)
    groups("0::/outer/inner", outer__cpu_max="150000 100000", outer__memory_max=4096)
    assert (cgroups.cpu_quota(), cgroups.memory_limit()) == (1.5, 4096)
    groups("0::/outer/inner", outer__cpu_max="max 100000", outer__memory_max="max")
    assert (cgroups.cpu_quota(), cgroups.memory_limit()) == (4, 8192)


def test_the_older_version_counts_too(groups):
    one = "3:cpu:/job\n4:memory:/job"
    groups(one, cpu__cpu_cfs_quota_us=-1, cpu__cpu_cfs_period_us=100000, memory__memory_limit_in_bytes=2**63 - 4096)
    assert (cgroups.cpu_quota(), cgroups.memory_limit()) == (None, None)
    groups(one, cpu__job__cpu_cfs_quota_us=50000, cpu__job__cpu_cfs_period_us=100000)
    groups(one, memory__job__memory_limit_in_bytes=4096)
    assert (cgroups.cpu_quota(), cgroups.memory_limit()) == (0.5, 4096)


def test_a_group_of_a_name_in_no_encoding_and_no_groups_at_all_are_no_limit(groups, tmp_path):
    groups("")
    (tmp_path / "own").write_bytes(b"0::/\xff\n")
    assert cgroups.cpu_quota() is None
    (tmp_path / "own").unlink()
    assert cgroups.cpu_quota() is None


@pytest.mark.parametrize(("quota", "cores"), [("max", 4), ("50000", 1), ("100000", 1), ("150000", 2), ("900000", 4)])
def test_a_quota_counts_beside_the_cores_that_are_there(groups, monkeypatch, quota, cores):
    for name in (job.CORES_VARIABLE, "SLURM_CPUS_PER_TASK", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    groups("0::/", cpu_max=f"{quota} 100000")
    assert (job.usable_cores(), job.task_cores()) == (cores, cores)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert job.task_cores() == min(3, cores)
    (finding,) = machine.cores(Circumstances(Path()))
    assert (finding.state == "note") == (cores < 4)


@pytest.fixture
def group():
    """A control group of its own with the time of one core, made by the kernel."""
    folder = Path("/sys/fs/cgroup") / ("" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "cpu")
    folder /= f"one-core-{os.getpid()}"
    try:
        folder.mkdir()
        if (folder / "cpu.cfs_quota_us").exists():
            (folder / "cpu.cfs_quota_us").write_text("100000")
        else:
            (folder / "cpu.max").write_text("100000 100000")
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group can be made here: {error}")
    yield folder
    folder.rmdir()


def test_a_process_of_a_real_group_of_one_core_uses_one(group):
    code = "from jobs.job import usable_cores; print(usable_cores())"
    join = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    done = subprocess.run(
        [*join, sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
