"""Variables for SLURM's own commands: what of them counts, what does not, and that people are told."""

import os

import pytest
from conftest import tiny_study

from runner.executors.slurm.sbatch import sbatch_options
from runner.executors.slurm.scheduler import call
from runner.executors.slurm.send import _own_environment
from runner.executors.slurm.site import COUNTING, command_environment
from runner.study.cluster import ClusterConfig
from runner.submit import main


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SBATCH_", "SLURM_")):
            monkeypatch.delenv(name)


def planned(tmp_path, capsys, *settings: str) -> str:
    arguments = [str(tiny_study(tmp_path)), *settings, "--executor", "slurm", "--dry-run"]
    assert main([*arguments, "--root", str(tmp_path / "results")]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("variable", "option"), COUNTING.items())
def test_where_a_study_says_nothing_the_sites_choice_becomes_an_option_in_sight(
    tmp_path, capsys, monkeypatch, variable, option
):
    monkeypatch.setenv(variable, "theirs")
    out = planned(tmp_path, capsys)
    train, _, evaluate = out.split("\ntrain:\n")[1].partition("\nevaluate:\n")
    assert f"#SBATCH --{option}=theirs\n" in train
    assert f"#SBATCH --{option}=theirs\n" in evaluate
    assert f"note: where the study says nothing, your environment does: {variable}=theirs\n" in out
    assert "theirs" in out.split("asks for: ")[0].split("one task asks for")[1]  # the table


def test_what_a_study_says_comes_before_what_the_site_does(monkeypatch):
    for variable in COUNTING:
        monkeypatch.setenv(variable, "theirs")
    ours = {option: "ours" for option in COUNTING.values() if option != "reservation"}
    settings = ClusterConfig(train={**ours, "sbatch": {"reservation": "ours"}})
    asked = sbatch_options(settings.stage("train"))
    assert {asked[option] for option in COUNTING.values()} == {"ours"}
    assert sbatch_options(settings.stage("report"))["account"] == "theirs"
    taken_back = ClusterConfig(train={"sbatch": {"reservation": None}})
    assert "reservation" not in sbatch_options(taken_back.stage("train"))
    assert sbatch_options(taken_back.stage("report"))["reservation"] == "theirs"


def test_variables_that_would_change_what_a_study_asks_for_do_not_count_and_this_is_said(tmp_path, capsys, monkeypatch):
    before = planned(tmp_path, capsys).split("\nprepare:\n")[1]
    monkeypatch.setenv("SBATCH_TIMELIMIT", "5")
    monkeypatch.setenv("SBATCH_WAIT", "1")
    monkeypatch.setenv("SLURM_CLUSTERS", "other")
    out = planned(tmp_path, capsys)
    assert out.split("\nprepare:\n")[1] == before
    assert "SBATCH_TIMELIMIT=5, SBATCH_WAIT=1, SLURM_CLUSTERS=other of your environment do not count" in out


def test_a_value_that_would_become_a_line_of_the_batch_file_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SBATCH_ACCOUNT", "lab\nrm -r x")
    arguments = [str(tiny_study(tmp_path)), "--executor", "slurm", "--dry-run", "--root", str(tmp_path / "results")]
    assert main(arguments) == 2
    assert "SBATCH_ACCOUNT in your environment: expected one line" in capsys.readouterr().err


FOREIGN = ["SBATCH_NO_REQUEUE", "SQUEUE_FORMAT", "SACCT_FORMAT", "SINFO_SORT", "SCANCEL_STATE", "SCONTROL_ALL"]


def test_commands_are_called_without_variables_of_their_own_and_with_those_that_lead_to_the_cluster(
    tmp_path, monkeypatch
):
    for name in [*FOREIGN, "SLURM_CLUSTERS", "SLURM_TIME_FORMAT", "SLURM_CONF", "SLURM_JWT"]:
        monkeypatch.setenv(name, "x")
    program = tmp_path / "squeue"
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o755)
    told = dict(line.partition("=")[::2] for line in call(str(program)).splitlines())
    wanted = {"SLURM_CONF": "x", "SLURM_JWT": "x", "SLURM_BITSTR_LEN": "0", "SQUEUE_ALL": "1"}
    assert {name: told.get(name) for name in [*FOREIGN, "SLURM_CLUSTERS", "SLURM_TIME_FORMAT", *wanted]} == {
        **dict.fromkeys([*FOREIGN, "SLURM_CLUSTERS", "SLURM_TIME_FORMAT"]),
        **wanted,
    }
    with _own_environment():  # in which submitit calls sbatch
        assert not [name for name in os.environ if name not in command_environment()]
    assert os.environ["SBATCH_NO_REQUEUE"] == "x"
