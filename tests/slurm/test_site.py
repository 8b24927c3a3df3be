"""An environment full of variables for SLURM's own commands: what a study says and asks is still what counts."""

import pytest

from .cluster import Cluster
from .studies import Submitted, stub_study

FILTERS = {
    "SQUEUE_PARTITION": "gpu",
    "SQUEUE_FORMAT": "%j",
    "SQUEUE_STATES": "COMPLETED",
    "SQUEUE_USERS": "nobody",
    "SACCT_FORMAT": "JobName",
    "SINFO_FORMAT": "%n",
    "SINFO_PARTITION": "gpu",
    "SCANCEL_PARTITION": "gpu",
    "SCANCEL_STATE": "SUSPENDED",
    "SLURM_CLUSTERS": "elsewhere",
    "SLURM_TIME_FORMAT": "relative",
}
ORDERS = {
    "SBATCH_TIMELIMIT": "1",
    "SBATCH_NO_REQUEUE": "1",
    "SBATCH_WAIT": "1",
    "SBATCH_JOB_NAME": "theirs",
    "SBATCH_OUTPUT": "/dev/null",
    "SBATCH_ARRAY_INX": "7",
    "SBATCH_EXPORT": "NONE",
    "SBATCH_MEM_PER_NODE": "9999999",
}


@pytest.fixture
def surrounded(slurm):
    """The same cluster, seen from such an environment, whose default partition is not the cluster's."""
    handle = Cluster(slurm.dir)
    handle.env |= FILTERS | ORDERS | {"SBATCH_PARTITION": "low"}
    return handle


def test_submit_status_and_cancel_mean_all_jobs_and_only_what_the_study_says(slurm, surrounded, tmp_path):
    cluster = {"sbatch": {"begin": "now+1hour"}, "report": {"partition": "cpu"}}
    study = Submitted(surrounded, stub_study(tmp_path, cluster=cluster))
    assert "SBATCH_PARTITION=low" in study.out
    text = slurm.run("squeue", "--noheader", "--format=%j %P %l %i", check=True).stdout
    jobs = {name: rest for name, *rest in map(str.split, text.splitlines())}
    stages = ["train", "render", "evaluate", "report"]
    assert {name: rest[:2] for name, rest in jobs.items()} == {
        f"tiny-{stage}": ["cpu" if stage == "report" else "low", "10:00"] for stage in stages
    }
    shown = slurm.run("scontrol", "show", "job", jobs["tiny-train"][2], check=True).stdout
    assert "Requeue=1" in shown
    assert f"StdOut={study.folder}/submissions/" in shown
    assert {task["state"] for task in study.status()["tasks"]} == {"waiting"}
    assert "cancelled 4 jobs" in study.command("cancel", str(study.folder)).stdout
    slurm.wait_idle()


def test_tasks_find_their_code_and_the_doctor_the_partitions(slurm, surrounded, tmp_path):
    study = Submitted(surrounded, stub_study(tmp_path))
    said = study.command("doctor", str(study.file)).stdout
    assert "partition cpu (the default): up" in said
    assert "stage report: SLURM takes low partition" in said
    Submitted.of(slurm, study.file).wait_until_done()  # the surroundings would hide its jobs from the test
    assert {task["state"] for task in study.status()["tasks"]} == {"done"}
