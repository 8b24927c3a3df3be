"""What is asked of SLURM: the right flags for each stage, arrays that line up, dependencies that hold."""

from dataclasses import replace

import pytest
from conftest import tiny_study

from runner.executors.slurm.arrays import Batch, arrange
from runner.executors.slurm.send import sbatch_parameters, sbatch_script
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.submit import main
from srcnn.paths import RootPaths


def flags(out: str, stage: str) -> dict[str, str]:
    """The options in the batch file that a dry run prints for a stage."""
    lines = out.split(f"\n{stage}:\n#!/bin/bash\n")[1].split("\n# command\n")[0].splitlines()
    options = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH --")]
    return dict(option.partition("=")[::2] for option in options)


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
    script = sbatch_script(sbatch_parameters("tiny", "train", study.cluster), tmp_path, 1)
    assert script.index("module load cuda") < script.index("submitit.core._submit")


def test_mail_goes_to_the_address_for_failures_and_for_the_end(study_file, tmp_path, capsys):
    out = dry_run(study_file, tmp_path, capsys, "cluster.mail=me@example.org")
    assert (flags(out, "train")["mail-user"], flags(out, "train")["mail-type"]) == ("me@example.org", "FAIL")
    assert flags(out, "report")["mail-type"] == "END,FAIL"
    assert "mail-user" not in flags(dry_run(study_file, tmp_path, capsys), "train")


def test_what_is_asked_for_is_said_before(study_file, tmp_path, capsys):
    settings = ["cluster.timeout_min=30", "cluster.cpus=2", "sweep.grid.seed=[1,2,3,4]"]
    out = dry_run(study_file, tmp_path, capsys, *settings)
    # prepare, baseline, 4 train, 4 render, 4 evaluate, report: 15 tasks of half an hour on two cores.
    assert "asks for: 15 tasks, at most 15 core-hours and 2.0 GPU-hours" in out
    assert "will be written" in out


@pytest.fixture
def plan(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}}, evaluate__shards=2)
    return make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))


def sent(batches):
    """The dependencies of batches, as if each got the next number from 100 on."""
    for number, batch in enumerate(batches):
        batch.job = str(100 + number)
    return [(batch.stage, len(batch.tasks), batch.dependency()) for batch in batches]


def test_stages_wait_for_one_another_run_by_run(plan):
    assert sent(arrange(plan.study.cluster, plan.missing(), {}, 1001)) == [
        ("prepare", 1, None),
        ("baseline", 1, None),
        ("train", 3, "afterok:100"),
        ("render", 3, "aftercorr:102"),
        ("evaluate", 3, "aftercorr:103"),
        ("evaluate", 3, "aftercorr:103"),
        ("report", 1, "afterany:100:101:102:103:104:105"),
    ]


def test_arrays_of_all_stages_list_the_same_runs_in_the_same_order(plan):
    runs = [planned.run_id for planned in plan.runs]
    batches = [
        b for b in arrange(plan.study.cluster, plan.missing(), {}, 1001) if b.stage in ("train", "render", "evaluate")
    ]
    assert [[task.name.partition(".")[0] for task in batch.tasks] for batch in batches] == [runs] * 4


def test_arrays_are_split_where_the_cluster_allows_no_larger_ones(plan):
    found = sent(arrange(plan.study.cluster, plan.missing(), {}, 2))
    assert [(stage, count) for stage, count, _ in found if stage == "train"] == [("train", 2), ("train", 1)]
    assert [waits for stage, _, waits in found if stage == "render"] == ["aftercorr:102", "afterok:106"]


def test_a_single_run_waits_by_afterok(tmp_path, study_file):
    plan = make_plan(load_study(str(study_file))[0], RootPaths(tmp_path / "results"))
    waits = {stage: waits for stage, _, waits in sent(arrange(plan.study.cluster, plan.missing(), {}, 1001))}
    assert waits["render"] == "afterok:102"


def test_a_set_of_patches_that_fails_takes_no_runs_of_others_with_it(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"data.blur_sigma": [0, 1]}})
    plan = make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))
    waits = [
        waits for stage, _, waits in sent(arrange(plan.study.cluster, plan.missing(), {}, 1001)) if stage == "train"
    ]
    assert waits == ["afterany:100"]


def test_runs_that_lack_only_scores_ask_for_no_gpu(plan):
    tasks = [task for task in plan.missing() if task.name.endswith(".1") or task.stage == "report"]
    assert [(stage, count) for stage, count, _ in sent(arrange(plan.study.cluster, tasks, {}, 1001))] == [
        ("evaluate", 3),
        ("report", 1),
    ]


def test_what_needs_a_task_that_runs_already_waits_for_its_job(plan):
    active = {task.key: f"77_{number}" for number, task in enumerate(plan.stage("train"))}
    tasks = [task for task in plan.tasks if task.stage in ("render", "evaluate", "report")]
    found = sent(arrange(plan.study.cluster, tasks, active, 1001))
    assert found[0] == ("render", 3, "afterany:77")
    assert found[-1][2].endswith(":77")


def test_arrays_of_uneven_size_keep_the_cap_together(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": list(range(40))}}, evaluate__shards=4)
    plan = make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))
    cluster = plan.study.cluster.with_stage("evaluate", parallelism=8)
    plan = replace(plan, study=plan.study.model_copy(update={"cluster": cluster}))
    # Runs that lack different blocks: arrays of 37 elements and of one.
    odd = {f"{run.run_id}.{number}" for number, run in enumerate(plan.runs[:3])}
    tasks = [task for task in plan.stage("evaluate") if task.name not in odd]
    batches = arrange(plan.study.cluster, tasks, {}, 1001)
    free = [batch for batch in batches if not batch.waits]
    assert len({len(batch.tasks) for batch in batches}) > 1
    assert sum(batch.parallelism for batch in free) <= 8


@pytest.mark.parametrize("cap", [1, 2, 3, 7])
def test_no_more_tasks_run_at_once_than_the_cap_however_arrays_are_split(plan, cap):
    cluster = plan.study.cluster.with_stage("evaluate", parallelism=cap)
    capped = replace(plan, study=plan.study.model_copy(update={"cluster": cluster}))
    batches = [b for b in arrange(capped.study.cluster, capped.missing(), {}, 2) if b.stage == "evaluate"]
    assert len(batches) == 4
    free = [b for b in batches if not any(isinstance(on, Batch) and on.stage == "evaluate" for _, on in b.waits)]
    assert sum(batch.parallelism for batch in free) <= cap
    # Those that wait do so for one that runs, one after another.
    assert all(any(on in batches for _, on in b.waits) for b in batches if b not in free)
