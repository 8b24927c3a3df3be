"""Numbers beyond all sense are refused in a sentence, before anything is built of them."""

import resource
import subprocess
import sys

import pytest
import torch
import yaml
from conftest import REPOSITORY

from jobs import compare_folders, restore
from runner import logs, submit
from runner.study import config
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from srcnn.models import published
from srcnn.models.build import build_model
from srcnn.paths import RootPaths

STUDY = {"data": {"train": "bundled/coffee", "test": "bundled/chelsea"}}
TENS = list(range(10))


def refusal(folder, changes=(), **sections):
    """Why a study is refused, with its settings changed."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump({**STUDY, **sections}))
    with pytest.raises(ConfigError) as caught:
        load_study(str(file), changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.epochs=1000000000000", "training.epochs: expected at most 1000000"),
        ("training.epochs=1.0e+12", "training.epochs: expected at most"),
        ("training.epochs=1000000", "render.epochs keeps 1,000,000 epochs"),
        ("training.batch_size=1000000000000", "training.batch_size: expected at most"),
        ("render.epochs={log_spaced: 1000000000}", "render.epochs"),
        ("evaluate.shards=1000000000", "evaluate.shards: expected at most 10000"),
        ("evaluate.workers=100000", "evaluate.workers: expected at most 1024"),
        ("keep.last=1000000000", "keep.last: expected at most"),
        ("data.patch_size=1000000000", "data.patch_size: expected at most"),
        ("cluster.train.cpus=1000000000", "cluster.train.cpus: expected at most"),
        ("cluster.mem_gb=1.0e+300", "cluster.mem_gb: expected at most"),
        ("cluster.mem_per_cpu_gb=1.0e+300", "cluster.mem_per_cpu_gb: expected at most"),
        ("cluster.timeout_min=1.0e+300", "expected at most ten years"),
        ("cluster.timeout_min=999999999-0", "expected at most ten years"),
        ("cluster.requeues=1000000000000", "cluster.requeues: expected at most"),
        ("cluster.parallelism=1000000000000", "cluster.parallelism: expected at most"),
        ("cluster.train.gpus=1000000000", "expected a number of GPUs"),
        ("cluster.train.gpus=a100:1000000000", "expected a number of GPUs"),
        ("cluster.train.gpus='" + "9" * 5000 + "'", "expected a number of GPUs"),
    ],
)
def test_a_setting_beyond_all_sense_is_refused_by_name(tmp_path, change, words):
    assert words in refusal(tmp_path, [change])


def test_a_sweep_of_a_thousand_million_runs_is_refused_by_its_number(tmp_path):
    names = ("stride", "patch_size", "blur_sigma", "holdout", "scale", "dtype", "luma", "resampling")
    grid = {"seed": TENS, **{f"data.{name}": TENS for name in names}}
    assert "sweep: would be 1,000,000,000 runs" in refusal(tmp_path, sweep={"grid": grid})


def test_rows_cases_and_grid_count_together(tmp_path):
    sweep = {"zip": {"seed": list(range(100))}, "cases": {f"c{number}": {} for number in range(50)}}
    sweep["grid"] = {"data.stride": list(range(1, 101))}
    assert "sweep: would be 500,000 runs" in refusal(tmp_path, sweep=sweep)


def test_more_files_of_scores_than_a_file_system_likes_are_refused(tmp_path):
    sweep = {"grid": {"seed": list(range(200))}}
    words = refusal(tmp_path, ["training.epochs=10000", "evaluate.shards=10"], sweep=sweep)
    assert "more than 1,000,000 files of scores" in words


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (submit.main, ["--cores", "-1"]),
        (submit.main, ["--cores", "0"]),
        (submit.main, ["--cores", "100000"]),
        (submit.main, ["--cores", "9" * 5000]),
        (submit.main, ["--mem-gb", "nan"]),
        (submit.main, ["--mem-gb", "1e300"]),
        (submit.main, ["--mem-gb", "-1"]),
        (submit.main, ["--timeout-min", "1e300"]),
        (submit.main, ["--timeout-min", "nan"]),
        (compare_folders.main, ["--reference", "a", "--estimate", "b", "--out", "c", "--workers", "100000"]),
        (compare_folders.main, ["--reference", "a", "--estimate", "b", "--out", "c", "--workers", "0"]),
        (compare_folders.main, ["--reference", "a", "--estimate", "b", "--out", "c", "--crop", "0", "8"]),
        (compare_folders.main, ["--reference", "a", "--estimate", "b", "--out", "c", "--shave", "-1"]),
        (restore.main, ["a", "--model", "m", "--out", "b", "--upsample", "1000000"]),
        (published.main, ["weights.mat", "--scale", "1000000000"]),
        (logs.main, ["study", "--attempt", "0"]),
        (logs.main, ["study", "--lines", "-1"]),
    ],
)
def test_a_number_on_the_command_line_is_refused_with_the_range(capsys, main, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "expected" in said
    assert len(said) < 200


def test_weights_whose_name_says_an_absurd_scale_need_another(capsys, tmp_path):
    weights = tmp_path / "weights_x999999999.pt"
    torch.save(build_model("9-1-5", residual=False, seed=0).state_dict(), weights)
    assert published.main([str(weights)]) == 2
    assert "add --scale" in capsys.readouterr().err


def test_nothing_large_is_built_before_the_refusal(tmp_path):
    """In a process that would be killed for what a thousand million of anything takes."""
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump({**STUDY, "sweep": {"grid": {"seed": TENS}}}))
    changes = ["training.epochs=1000000000000", "render.epochs={log_spaced: 1000000000}", "evaluate.shards=1000000000"]
    limit = 4 * 2**30

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    code = "import sys; from runner import submit; root, file, *changes = sys.argv[1:]; "
    code += "print([submit.main([file, change, '--root', root]) for change in changes])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "results"), str(file), *changes],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        preexec_fn=limited,
    )
    assert done.stdout == "[2, 2, 2]\n", done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("more: ")]
    assert [line.startswith("error: study.yaml: ") for line in said] == [True] * 3
    assert not (tmp_path / "results").exists()


def test_a_section_that_many_runs_share_is_checked_once(tmp_path, monkeypatch):
    checked = []
    real = config._varied
    monkeypatch.setattr(
        config, "_varied", lambda study, name, values: checked.append(name) or real(study, name, values)
    )
    grid = {"seed": TENS, "training.learning_rate": [0.1, 0.2], "training.loss": ["mse"], "data.stride": [7, 8, 9]}
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump({**STUDY, "sweep": {"grid": grid}}))
    study, _ = load_study(str(file))
    checked.clear()
    runs = list(config.runs_of(study))
    assert len({(run.experiment.seed, run.experiment.training, run.experiment.data.stride) for run in runs}) == 60
    assert sorted(checked) == ["data"] * 3 + ["seed"] * 10 + ["training"] * 2


def test_a_study_that_is_saved_again_writes_no_file_anew(study_file, tmp_path):
    study, _ = load_study(str(study_file), ["sweep.grid.seed=[1,2]", "sweep.grid.training.loss=[mse,l1]"])
    plan = make_plan(study, RootPaths(tmp_path / "results"))
    plan.save()
    configs = [plan.paths.run(run.run_id).config for run in plan.runs]
    written = [file.stat().st_ino for file in configs]
    whole = [yaml.safe_load(file.read_text()) for file in configs]
    assert whole == [run.experiment.model_dump(mode="json") for run in plan.runs]
    plan.save()
    assert [file.stat().st_ino for file in configs] == written
