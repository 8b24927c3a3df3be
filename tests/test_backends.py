"""Whatever computes the scores, a study's table is the same, and what befalls the scoring costs as little."""

import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
from itertools import count

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY, photograph, tiny_study, write_pictures
from PIL import Image

from analysis.compact import main as compact
from jobs import batches
from jobs.backends import CPU_KERNELS, backend_of
from jobs.device import NoGpu
from jobs.scoring import ScoringError, rows_or_reason
from runner.study.config import ConfigError, load_study
from runner.study.plan import make_plan
from runner.submit import main as submit
from srcnn.experiment import EvaluateConfig
from srcnn.files import read_picture, write_picture, write_text
from srcnn.metrics import Reference
from srcnn.paths import RootPaths, StudyPaths
from srcnn.schema import KEY_COLUMNS
from srcnn.shard_rows import made_from
from srcnn.shards import find_shard, partial_shard, unfinished_shard

TORCH = "torch, cpu"
PROTOCOLS = {"evaluate__upsamplers": ["bilinear", "zero_stuffing"]}


@pytest.fixture(scope="module")
def by_kernels(tmp_path_factory):
    """A study that the CPU kernels scored: pictures of two sizes, one of them half black, all protocols."""
    folder = tmp_path_factory.mktemp("by kernels")
    write_pictures(folder / "test", [5])
    write_pictures(folder / "test", [8], height=66, width=90)
    dark = photograph(9)
    dark[:32] = 0
    Image.fromarray(dark).save(folder / "test" / "dark.png")
    file = tiny_study(folder, training__epochs=1, evaluate__definitions=["paper", "package"], **PROTOCOLS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.build.write_report", lambda folder, *_: write_text(StudyPaths(folder).report_page, ""))
        assert submit([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture
def study(by_kernels, tmp_path):
    """The study with all that it made but its scores."""
    shutil.copytree(by_kernels, tmp_path / "results")
    paths = StudyPaths(tmp_path / "results" / "tiny")
    shutil.rmtree(paths.folder / "scores")
    return paths


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """Without a GPU, wherever tests run."""
    monkeypatch.setenv("RUNNER_GPUS", "0")


@pytest.fixture(params=["cpu", "torch"])
def backend(request):
    """What computes the scores."""
    return request.param


def plan_of(paths, *overrides):
    return make_plan(load_study(str(paths.folder), overrides)[0], RootPaths(paths.folder.parent))


def jobs_of(paths, *overrides):
    """A task of each stage of a study."""
    return {task.stage: task.job for task in plan_of(paths, *overrides).tasks}


def tables(folder):
    return {file.relative_to(folder): pq.read_table(file) for file in sorted(folder.rglob("*.parquet"))}


def scored_by(shard):
    return json.loads(made_from(find_shard(shard)))["scored_by"]


@pytest.mark.usefixtures("undrawn")
def test_a_study_scored_by_torch_has_the_table_of_the_kernels(by_kernels, study, monkeypatch):
    monkeypatch.setattr("jobs.batches.CPU_GB", 0.02)  # several parts of batches, several batches of pictures
    assert submit([str(study.folder), "evaluate.backend=torch", "--executor", "debug"]) == 0
    expected, found = tables(by_kernels / "tiny" / "scores"), tables(study.folder / "scores")
    assert len(expected) == 2
    assert list(found) == list(expected)  # the ids, too
    for place, ours in found.items():
        theirs = expected[place]
        assert ours.schema.equals(theirs.schema)
        assert ours.select(KEY_COLUMNS).equals(theirs.select(KEY_COLUMNS))
        paper = np.array(ours["definition"]) == "paper"
        for metric in ours.column_names[len(KEY_COLUMNS) :]:
            a, b = (table[metric].to_numpy() for table in (ours, theirs))
            assert np.array_equal(a[~paper], b[~paper], equal_nan=True)
            tolerance = 1e-4 if metric == "fsim" else 1e-5
            assert np.allclose(a[paper], b[paper], rtol=tolerance, atol=tolerance, equal_nan=True), metric
        assert ours["sam"].null_count == theirs["sam"].null_count
        assert scored_by(study.folder / "scores" / place) == [TORCH]
        assert scored_by(by_kernels / "tiny" / "scores" / place) == [CPU_KERNELS]


def test_what_torch_has_no_form_of_is_named_in_the_log(study, caplog):
    with caplog.at_level(logging.WARNING):
        jobs_of(study, "evaluate.backend=torch", "evaluate.metrics=[psnr,sam]")["evaluate"]()
    assert "torch has no form in batches of definition package: computed by the CPU kernels" in caplog.text


def test_merged_files_still_say_what_scored_each(study):
    shards = {}
    for block, backend in enumerate(("cpu", "torch")):
        settings = f"evaluate.backend={backend}", "evaluate.shards=2", "evaluate.metrics=[psnr]"
        plan = plan_of(study, *settings)
        job = next(task.job for task in plan.tasks if task.name.endswith(f".{block}"))
        job()
        shards[job.shard(1)] = job
    plan.save()
    assert compact([str(study.folder)]) == 0
    assert not any(shard.exists() for shard in shards)
    assert [scored_by(shard) for shard in shards] == [[CPU_KERNELS], [TORCH]]


# --- recovery -----------------------------------------------------------------------------------
@pytest.fixture
def job(study, backend):
    """The scoring of the run's six pictures."""
    return jobs_of(study, f"evaluate.backend={backend}", "evaluate.metrics=[psnr,ssim]")["evaluate"]


@pytest.fixture
def computed(monkeypatch):
    """The metric of every value that is computed, by whatever backend."""
    found, by_kernels, by_torch = [], Reference.score, batches.score_pairs

    def kernels(*arguments):
        values = by_kernels(*arguments)
        found.extend(values)
        return values

    def torch(*arguments):
        values = by_torch(*arguments)
        found.extend(name for name, of_pairs in values.items() for _ in of_pairs)
        return values

    monkeypatch.setattr(Reference, "score", kernels)
    monkeypatch.setattr(batches, "score_pairs", torch)
    monkeypatch.setattr("jobs.scoring.warm_up", lambda *a: None)  # it scores, too
    return found


def test_a_picture_that_cannot_be_scored_costs_its_own_rows_and_is_scored_alone_once_it_is_mended(job, computed):
    files = sorted(job.paths.run(job.run_id).rendered_epoch("test", 1).glob("tests/*.png"))
    good = read_picture(files[1])
    write_picture(files[1], good[:-2])
    with pytest.raises(ScoringError, match=r"epoch 1, tests/photo\d: .* but the restored picture is"):
        job()
    images = pq.read_table(partial_shard(job.shard(1)))["image"].to_pylist()
    assert len(set(images)) == 4
    assert files[1].stem not in images
    write_picture(files[1], good)
    computed.clear()
    job()
    table = pq.read_table(job.shard(1)).to_pandas()
    rows = len(table[table["image"] == files[1].stem])
    assert 0 < len(computed) <= 2 * 2 * rows  # two metrics, two definitions
    assert len(set(table["image"])) == 5
    assert not partial_shard(job.shard(1)).exists()


KILLED = """
import os, signal, sys
from jobs.evaluate import Evaluate
from runner.study.config import load_study
from runner.study.plan import make_plan
from srcnn.metrics import Reference
from srcnn.paths import RootPaths, StudyPaths

paths = StudyPaths(__import__("pathlib").Path(sys.argv[1]))
plan = make_plan(load_study(str(paths.folder), sys.argv[2:])[0], RootPaths(paths.folder.parent))
(job,) = (task.job for task in plan.tasks if isinstance(task.job, Evaluate))
job(lambda done, total, note: os.kill(os.getpid(), signal.SIGKILL) if done == 3 else None)
"""


@pytest.mark.parametrize(("first", "then"), [("cpu", "torch"), ("torch", "cpu"), ("torch", "torch")])
def test_a_killed_scoring_goes_on_by_whatever_backend_and_the_file_names_both(study, computed, first, then):
    overrides = "evaluate.metrics=[psnr,ssim]", "evaluate.definitions=paper"
    command = [sys.executable, "-c", KILLED, str(study.folder), *overrides, f"evaluate.backend={first}"]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    job = jobs_of(study, *overrides, f"evaluate.backend={then}")["evaluate"]
    assert unfinished_shard(job.shard(1)).exists()
    job()
    rows = pq.read_table(job.shard(1)).num_rows
    assert 0 < len(computed) < 2 * rows
    names = {"cpu": CPU_KERNELS, "torch": TORCH}
    assert scored_by(job.shard(1)) == sorted({names[first], names[then]})
    assert [file.name for file in job.shard(1).parent.iterdir()] == [job.shard(1).name]


def test_a_metric_that_is_added_is_computed_alone(study, backend, computed):
    def job(metrics):
        settings = f"evaluate.metrics={metrics}", "evaluate.definitions=paper", f"evaluate.backend={backend}"
        return jobs_of(study, *settings)["evaluate"]

    job("[psnr,rmse]")()
    computed.clear()
    job("[psnr,rmse,cos]")()
    assert set(computed) == {"cos"}


def test_an_interrupted_scoring_ends_and_keeps_what_was_scored(job):
    calls = count()

    def interrupt(done, total, note):
        if next(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(interrupt)
    assert pq.read_table(partial_shard(job.shard(1))).num_rows > 0


# --- which backend ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("setting", "asked", "name"),
    [
        ("auto", None, CPU_KERNELS),
        ("auto", "0", CPU_KERNELS),
        ("cpu", "1", CPU_KERNELS),
        ("torch", "0", TORCH),
    ],
)
def test_torch_scores_where_a_gpu_was_asked_for_or_torch_was(monkeypatch, setting, asked, name):
    monkeypatch.delenv("RUNNER_GPUS")
    if asked:
        monkeypatch.setenv("RUNNER_GPUS", asked)
    assert backend_of(EvaluateConfig(backend=setting), "evaluate").name == name


@pytest.mark.parametrize("setting", ["auto", "torch"])
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error_that_says_how_to_do_without(monkeypatch, setting):
    monkeypatch.setenv("RUNNER_GPUS", "1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(NoGpu, match=r"1 GPU asked for, and torch sees none .*cluster.baseline.gpus=0.*backend=cpu"):
        backend_of(EvaluateConfig(backend=setting), "baseline")


def test_a_gpu_for_a_stage_whose_backend_is_the_cpu_is_refused(tmp_path):
    file = tiny_study(tmp_path, cluster={"evaluate": {"gpus": 1}})
    load_study(str(file))
    with pytest.raises(ConfigError, match=r"cluster.evaluate asks for a GPU, which evaluate.backend: cpu leaves idle"):
        load_study(str(file), ["evaluate.backend=cpu"])


def test_one_thread_scores_picture_after_picture_with_what_kernels_keep():
    scoring = rows_or_reason(threading.current_thread)
    assert rows_or_reason(threading.current_thread) is scoring
    assert scoring is not threading.current_thread()


def test_a_reason_that_cannot_be_told_is_an_answer():
    class Untold(MemoryError):
        def __str__(self):
            raise ValueError

    def call():
        raise Untold

    assert rows_or_reason(call) == "Untold, whose own words cannot be had"
    assert rows_or_reason(int) == 0


def test_a_call_after_one_that_a_signal_ended_does_not_wait_for_it():
    ended = threading.Event()

    def stop(*_):
        raise KeyboardInterrupt

    def goes_on():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        ended.wait(60)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            rows_or_reason(goes_on)
        assert rows_or_reason(int) == 0
    finally:
        ended.set()
        signal.signal(signal.SIGUSR1, before)
