"""What is asked of SLURM: the right flags for each stage, arrays that line up, dependencies that hold."""

import pytest
from conftest import tiny_study

from runner.config import load_study
from runner.plan import make_plan
from runner.slurm import sbatch_parameters, sbatch_script, submit_slurm
from runner.submit import main
from srcnn.paths import RootPaths


def flags(out: str, stage: str) -> dict[str, str]:
    """The #SBATCH flags that a dry run prints for a stage."""
    lines = out.split(f"\n{stage}:\n")[1].split("\n\n")[0].splitlines()
    return dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines)


def dry_run(file, tmp_path, capsys, *arguments: str) -> str:
    assert main([str(file), *arguments, "--executor", "slurm", "--dry-run", "--root", str(tmp_path / "results")]) == 0
    return capsys.readouterr().out


def test_the_partition_option_is_for_gpu_stages_only(study_file, tmp_path, capsys):
    out = dry_run(study_file, tmp_path, capsys, "--partition", "gpu")
    assert flags(out, "train")["partition"] == "gpu"
    assert flags(out, "train")["gpus-per-node"] == "1"
    assert "partition" not in flags(out, "evaluate")
    assert "gpus-per-node" not in flags(out, "evaluate")


def test_a_stage_names_its_own_resources(study_file, tmp_path, capsys):
    settings = [
        "cluster.account=lab",
        "cluster.evaluate.cpus=32",
        "cluster.evaluate.mem_gb=12.5",
        "cluster.evaluate.timeout_min=90",
        "cluster.evaluate.qos=long",
        "cluster.evaluate.constraint=avx2",
        "cluster.evaluate.parallelism=3",
        "sweep.grid.seed=[1,2,3,4,5]",
    ]
    evaluate = flags(dry_run(study_file, tmp_path, capsys, *settings), "evaluate")
    expected = {
        "account": "lab",
        "cpus-per-task": "32",
        "mem": "12800MB",
        "time": "90",
        "qos": "long",
        "constraint": "avx2",
        "array": "0-4%3",
        "job-name": "tiny-evaluate",
    }
    assert {key: evaluate.get(key) for key in expected} == expected


def test_setup_lines_run_before_python(study_file, tmp_path):
    study, _ = load_study(str(study_file), ["cluster.train.setup=[module load cuda]"])
    script = sbatch_script(sbatch_parameters("tiny", "train", study.cluster.stage("train")), tmp_path, 1)
    assert script.index("module load cuda") < script.index("submitit.core._submit")


class _Sbatch:
    """Stands in for sbatch: keeps what would be submitted (a real scheduler has tests of its own)."""

    def __init__(self, monkeypatch):
        self.sent = []
        monkeypatch.setattr("runner.slurm._submit_array", self)

    def __call__(self, calls, folder, parameters):
        number = str(100 + len(self.sent))
        self.sent.append((calls, parameters))
        return [f"{number}_{i}" for i in range(len(calls))] if len(calls) > 1 else [number]


@pytest.fixture
def plan(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}}, evaluate__shards=2)
    return make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))


def test_stages_wait_for_one_another_run_by_run(plan, tmp_path, monkeypatch):
    sbatch = _Sbatch(monkeypatch)
    submit_slurm(plan, plan.missing(), tmp_path, None)
    waits = {calls[0].stage + calls[0].name.partition(".")[2]: p.get("dependency") for calls, p in sbatch.sent}
    assert waits == {
        "prepare": None,
        "baseline": None,
        "train": "afterok:100",
        "render": "aftercorr:102",
        "evaluate0": "aftercorr:103",
        "evaluate1": "aftercorr:103",
        "report": "afterany:100:101:102:103:104:105",
    }
    assert all(
        parameters["additional_parameters"] == {"kill-on-invalid-dep": "yes"}
        for _, parameters in sbatch.sent
        if "dependency" in parameters
    )


def test_arrays_of_all_stages_list_the_same_runs_in_the_same_order(plan, tmp_path, monkeypatch):
    sbatch = _Sbatch(monkeypatch)
    submit_slurm(plan, plan.missing(), tmp_path, None)
    runs = [planned.run_id for planned in plan.runs]
    arrays = [calls for calls, _ in sbatch.sent if calls[0].stage in ("train", "render", "evaluate")]
    assert [[call.name.partition(".")[0] for call in calls] for calls in arrays] == [runs] * 4


def test_a_single_run_waits_by_afterok(tmp_path, study_file, monkeypatch):
    plan = make_plan(load_study(str(study_file))[0], RootPaths(tmp_path / "results"))
    sbatch = _Sbatch(monkeypatch)
    submit_slurm(plan, plan.missing(), tmp_path, None)
    waits = {calls[0].stage: parameters.get("dependency") for calls, parameters in sbatch.sent}
    assert waits["render"] == "afterok:102"
