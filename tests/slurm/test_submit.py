"""Submit once, log out, come back: all of a study on a real scheduler, by one command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

from runner.executors.slurm.send import sbatch_parameters, sbatch_script
from runner.study.cluster import ClusterConfig

from .cluster import started
from .studies import Submitted, hold, let_go, stub_study

TWO = {"grid": {"seed": [1, 2]}}
SUBMIT = [sys.executable, "-m", "stub_stages", "submit"]


def jobs_of(study):
    """The arrays on record of the last submission."""
    file = sorted(study.folder.glob("submissions/*/jobs.json"))[-1]
    return json.loads(file.read_text())["arrays"]


def queue(slurm):
    return slurm.run("squeue", "--noheader", "--array", "--format=%i|%P|%j|%T", check=True).stdout.splitlines()


def test_everything_is_submitted_at_once_and_no_process_of_ours_stays(slurm, tmp_path):
    file = hold(stub_study(tmp_path, cluster={"train": {"gpus": 1}}, sweep=TWO))
    study = Submitted.of(slurm, file)
    command = [*SUBMIT, str(file), "--root", str(tmp_path / "results"), "--executor", "slurm", "--partition", "gpu"]
    done = subprocess.run(command, env=study.environment, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # The nodes are all this machine, where the first jobs may have begun.
    ours = subprocess.run(["pgrep", "-f", f"stub_stages submit.*{tmp_path}"], capture_output=True, text=True).stdout
    assert not ours
    assert "asks for: 7 tasks" in done.stdout
    assert "you may log out" in done.stdout
    names = {line.split("|")[2]: line.split("|")[1] for line in queue(slurm)}
    assert names["tiny-train"] == "gpu"
    assert {names[f"tiny-{stage}"] for stage in ("render", "evaluate", "report")} == {"cpu"}
    let_go(file)
    study.wait_until_done()
    assert study.command("status", str(study.folder)).returncode == 0
    assert (study.folder / "report" / "index.html").exists()
    # Later submissions find nothing to do, and the study remembers its partition.
    assert "Everything is done." in study.submit(str(study.folder))
    saved = yaml.safe_load((study.folder / "study.yaml").read_text())
    assert saved["cluster"]["train"]["partition"] == "gpu"
    assert saved["cluster"]["render"]["partition"] is None


def test_a_run_does_not_wait_for_other_runs(slurm, tmp_path):
    cluster = {"train": {"gpus": 0, "parallelism": 1}}
    file = hold(stub_study(tmp_path, sweep=TWO, cluster=cluster), label="seed=2")
    study = Submitted(slurm, file)
    slurm.wait_for(lambda: study.queued().count("evaluate") == 1, "the first run's scores", every=0.3)
    states = {(task["stage"], task["label"]): task["state"] for task in study.status()["tasks"]}
    assert states["render", "seed=1"] == states["evaluate", "seed=1"] == "done"
    assert states["train", "seed=2"] in ("running", "waiting")
    let_go(file, "seed=2")
    study.wait_until_done()


@pytest.mark.usefixtures("training_alone")
def test_arrays_are_split_where_the_cluster_allows_no_larger_ones(tmp_path):
    with started(MAX_ARRAY_SIZE="3") as small:
        file = stub_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3, 4]}})
        study = Submitted(small, file)
        sizes = [(each["stage"], len(each["tasks"])) for each in jobs_of(study) if each["stage"] == "train"]
        assert sizes == [("train", 3), ("train", 1)]
        study.wait_until_done()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["--partition", "gpuu"], "invalid partition"),
        (["cluster.train.gpus=7"], "Requested node configuration is not available"),
        (["cluster.train.gpus=0", "cluster.report.mem_gb=9000"], "Memory specification can not be satisfied"),
    ],
)
def test_an_impossible_request_is_explained_and_nothing_is_left(slurm, tmp_path, settings, words):
    file = stub_study(tmp_path, cluster={"train": {"gpus": 1}}).rename(tmp_path / "refused.yaml")
    with pytest.raises(RuntimeError) as refused:
        Submitted(slurm, file, *settings)
    text = str(refused.value)
    assert "submit returned 2" in text
    assert words.lower() in text.lower()
    assert "partition gpu: up, no time limit, 2 GPUs, " in text  # what there is
    assert "Traceback" not in text
    assert not list((tmp_path / "results" / "refused" / "submissions").glob("*/"))
    assert not (tmp_path / "results" / "refused" / "study.yaml").exists()
    slurm.wait_idle(30)

    def over():  # accounting may be behind
        lines = slurm.run("sacct", "--noheader", "--parsable2", "--allocations", "--format=JobName,State").stdout
        states = [line.split("|")[1] for line in lines.splitlines() if line.startswith("refused-")]
        # A request that SLURM refuses at once may stand there as failed.
        return all(state.startswith(("CANCELLED", "COMPLETED", "FAILED")) for state in states)

    slurm.wait_for(over, "accounting to call all of them over", 30, every=0.3)


def test_submitting_again_sends_only_what_is_missing_and_not_under_way(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path, sweep=TWO)))
    study.wait_for_epoch(1)
    before = queue(slurm)
    assert "Nothing to send." in study.submit(str(study.folder))
    assert len(queue(slurm)) <= len(before)
    # One more run: its tasks alone are sent, with a report that waits for all.
    out = study.submit(str(study.folder), "sweep.grid.seed=[1,2,3]")
    assert {each["stage"]: len(each["tasks"]) for each in jobs_of(study)} == {
        "train": 1,
        "render": 1,
        "evaluate": 1,
        "report": 1,
    }, out
    let_go(study.file)
    study.wait_until_done()
    assert sorted((a["task"], a["outcome"]) for a in study.attempts()) == sorted(
        (task["name"], "done") for task in study.tasks("train")
    )


def test_two_submissions_at_the_same_time_send_nothing_twice(slurm, tmp_path):
    file = hold(stub_study(tmp_path, sweep=TWO))
    command = [*SUBMIT, str(file), "--root", str(tmp_path / "results"), "--executor", "slurm"]
    environment = Submitted.of(slurm, file).environment
    both = [
        subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("Nothing to send." in out for out in outs) == [False, True]
    sent = [line.split("|")[2] for line in queue(slurm)]
    assert sent.count("tiny-train") == sent.count("tiny-render") == 2
    assert len(list((tmp_path / "results" / "tiny" / "submissions").iterdir())) == 1


@pytest.mark.parametrize(
    "place",
    [{"partition": name} for name in ("cpu", "gpu", "whole", "scant")] + [{"partition": "cpu", "exclusive": True}],
    ids=["cpu", "two threads a core", "whole nodes", "little memory a CPU", "--exclusive"],
)
def test_a_task_is_started_once_however_many_cpus_slurm_gives_it(slurm, tmp_path, place):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $SLURM_CPUS_PER_TASK >> {tmp_path}/$SLURM_JOB_NAME.started\n")
    python.chmod(0o755)
    expected = {}
    for cpus, mem_gb in [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]:
        asked = {"cpus": cpus, "mem_gb": mem_gb, "gpus": 0, "setup": [f"PATH={tmp_path}:$PATH"], **place}
        name = f"{cpus}-{mem_gb}"
        script = tmp_path / name
        parameters = sbatch_parameters(name, "train", ClusterConfig(train=asked))
        script.write_text(sbatch_script(parameters, tmp_path, 1))
        slurm.run("sbatch", str(script), check=True)
        expected[f"{name}-train.started"] = f"{cpus}\n"
    slurm.wait_idle()
    assert {file.name: file.read_text() for file in tmp_path.glob("*.started")} == expected


def test_a_study_ends_well_where_slurm_gives_more_cpus_and_a_setup_line_runs_before_python(slurm, tmp_path):
    probe = tmp_path / "probe.txt"
    places = {
        "train": {"partition": "whole", "gpus": 0, "setup": [f"echo $SLURM_JOB_NAME >> {probe}"]},
        "render": {"partition": "gpu"},
        "evaluate": {"partition": "scant", "mem_gb": 2},
        "report": {"partition": "scant", "mem_gb": 1},
    }
    study = Submitted(slurm, stub_study(tmp_path, cluster=places))
    study.wait_until_done()
    stages = ("train", "render", "evaluate", "report")
    assert {stage: [(a["outcome"], a["cores"]) for a in study.attempts(stage)] for stage in stages} == {
        stage: [("done", 1)] for stage in stages
    }
    assert probe.read_text() == "tiny-train\n"


def test_a_local_run_and_a_submission_of_one_study_exclude_each_other(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path)))
    local = study.command("submit", str(study.folder), "--executor", "local")
    assert local.returncode == 2
    assert "queued or running on SLURM" in local.stderr
    assert Path(study.folder / ".runner.json").exists() is False
    let_go(study.file)
    study.wait_until_done()
