"""What a site demands beyond our own keys reaches the jobs, and what sbatch would not understand is refused first."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, tiny_study

from runner.checks import stages
from runner.checks.circumstances import Circumstances
from runner.study.config import load_study
from runner.submit import main

from .studies import LITTLE, Submitted, hold, let_go, stub_study

# What is in one of these goes to the shell that reads the batch file only as a comment.
VALUE = 'it\'s "two" words, back\\slash $HOME `id` #'


def jobs(slurm) -> dict[str, str]:
    """What SLURM knows of each job, by its name."""
    text = slurm.run("scontrol", "show", "job", "--oneliner", check=True).stdout
    return {re.search(r"JobName=(\S+)", line)[1]: line for line in text.splitlines() if "JobName=" in line}


def test_all_that_a_study_asks_for_reaches_its_jobs(slurm, tmp_path):
    asks = {
        **LITTLE,
        "mail": VALUE,
        "exclusive": "user",
        "sbatch": {"nice": 100, "begin": "now+1hour", "exclude": ["node3"], "contiguous": True},
        "train": {"partition": "gpu", "gpus": 2, "sbatch": {"nice": 5, "exclude": None, "hint": "nomultithread"}},
        "report": {"gres": "gpu:1", "partition": "gpu", "mem_gb": 1e-9},
        "evaluate": {"mem_per_cpu_gb": 0.25},
    }
    Submitted(slurm, tiny_study(tmp_path, cluster=asks).rename(tmp_path / "asks.yaml"), real=True)
    found = jobs(slurm)
    assert "Nice=100 " in found["asks-prepare"]
    assert "ExcNodeList=node3" in found["asks-prepare"]
    assert f"MailUser={VALUE} " in found["asks-prepare"]
    assert "OverSubscribe=USER" in found["asks-prepare"]
    assert "Contiguous=1" in found["asks-prepare"]
    begins = re.search(r"SubmitTime=(\S+) EligibleTime=(\S+)", found["asks-prepare"])
    assert begins[1] < begins[2]
    assert "Nice=5 " in found["asks-train"]
    assert "ExcNodeList=(null)" in found["asks-train"]
    assert "ThreadsPerCore=1" in found["asks-train"] or "CoreSpec" in found["asks-train"]
    assert "TresPerNode=gres:gpu:2" in found["asks-train"]
    assert "TresPerNode=gres:gpu:1" in found["asks-report"]
    assert "MinMemoryNode=1M" in found["asks-report"]
    assert "MinMemoryCPU=256M" in found["asks-evaluate"]
    keys = slurm.run("sacct", "--noheader", "--parsable2", "--allocations", "--name=asks-prepare", "--format=WCKey")
    assert "submitit" not in keys.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("cluster.sbatch.reservatoin=x", "cluster.sbatch.reservatoin: sbatch has no such option; did you mean reserva"),
        ("cluster.train.sbatch.exclud=n1", "cluster.train.sbatch.exclud: sbatch has no such option; did you mean excl"),
        ("cluster.sbatch.zzz=1", "cluster.sbatch.zzz: sbatch has no such option; `sbatch --help` lists all"),
        ("cluster.sbatch.wrap=true", "wrap is not for cluster.sbatch: the runner writes the batch file"),
    ],
)
def test_an_option_that_sbatch_does_not_have_is_refused_before_anything_is_written(
    slurm, tmp_path, monkeypatch, capsys, settings, words
):
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])
    file = tiny_study(tmp_path, cluster=LITTLE)
    assert main([str(file), settings, "--executor", "slurm", "--root", str(tmp_path / "results")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_doctor_asks_sbatch_about_all_options(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])
    settings = ["cluster.train.partition=gpu", "cluster.prepare.sbatch.nodelist=node1", "cluster.sbatch.nice=3"]
    study = load_study(str(tiny_study(tmp_path, cluster=LITTLE)), settings)[0]
    found = list(stages.stages(Circumstances(tmp_path, study=study)))
    (wrong,) = [each.what for each in found if each.state == "WRONG"]
    assert "stage prepare: SLURM refuses" in wrong
    assert "--nodelist=node1" in wrong
    assert sum("--nice=3" in each.what for each in found) == len(found)
    unknown = load_study(str(tmp_path / "tiny.yaml"), ["cluster.sbatch.licences=x"])[0]
    (wrong,) = stages.stages(Circumstances(tmp_path, study=unknown))
    assert "did you mean licenses?" in wrong.what


def test_the_doctor_asks_for_all_tasks_that_share_a_job(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", slurm.env["SLURM_CONF"])
    settings = ["cluster.train.pack=4", "cluster.evaluate.pack=9"]
    study = load_study(str(tiny_study(tmp_path, cluster=LITTLE)), settings)[0]
    found = list(stages.stages(Circumstances(tmp_path, study=study)))
    (wrong,) = [each for each in found if each.state == "WRONG"]
    assert "stage evaluate asks for default partition, 9 cores, 8.1 GB" in wrong.what
    assert "not 9" in wrong.what
    assert wrong.remedy.endswith("ask for less in cluster.evaluate (pack, gpus, cpus, mem_gb, timeout_min)")
    takes = "stage train: SLURM takes default partition, 4 cores, 3.6 GB, 10 min, shared by 4 tasks at once"
    assert takes in [each.what for each in found]


def wrapper(folder: Path, line: str) -> Path:
    """A program that stands for a container: it does a line, then starts Python."""
    program = folder / "my container"
    program.write_text(f'#!/bin/sh\n{line}\nexec {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o755)
    return program


def test_tasks_run_with_the_command_that_a_study_names_for_python(slurm, tmp_path):
    program = wrapper(tmp_path, f'shift; echo "$SLURM_JOB_NAME" >> {tmp_path}/started')
    cluster = {"render": {"python": [str(program), "an image.sif"]}}
    Submitted(slurm, stub_study(tmp_path, cluster=cluster)).wait_until_done()
    assert (tmp_path / "started").read_text() == "tiny-render\n"


@pytest.mark.usefixtures("training_alone")
def test_a_task_that_would_import_other_code_than_was_submitted_fails_and_says_why(slurm, tmp_path):
    elsewhere = f"{REPOSITORY}:{REPOSITORY}/tests"
    program = wrapper(tmp_path, f"export PYTHONPATH={shlex.quote(elsewhere)}")
    study = Submitted(slurm, stub_study(tmp_path, cluster={"train": {"gpus": 0, "python": [str(program)]}}))
    study.wait_until_ended()
    (task,) = study.tasks("train")
    assert (task["state"], task["attempts"]) == ("failed", 1)
    assert "not the copy that was submitted" in task["detail"]
    assert not list(study.folder.glob("runs/*/epochs.txt"))


@pytest.mark.parametrize("lacks", ["PATH", "SLURM_CONF"])  # SLURM's programs, or what leads them to the controller
@pytest.mark.usefixtures("training_alone")
def test_a_task_that_cannot_reach_slurm_from_its_container_is_put_back_when_it_is_warned(slurm, tmp_path, lacks):
    program = wrapper(tmp_path, f"export {lacks}=/nowhere")
    study = Submitted(slurm, hold(stub_study(tmp_path, cluster={"train": {"gpus": 0, "python": [str(program)]}})))
    record = study.wait_for_epoch(1)
    slurm.run("scancel", "--signal=USR2", record["job"], check=True)
    study.wait_for_epoch(1, attempt=2)
    let_go(study.file)
    study.wait_until_done()
    first, second = study.attempts()
    assert (first["outcome"], first["cause"]) == ("interrupted", "SystemExit")
    assert (second["outcome"], second["first"]) == ("done", 1)
