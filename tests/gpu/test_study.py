"""A whole study whose GPU stages take the GPU, by the command that people use."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY, tiny_study

from jobs.attempt import last_attempts
from jobs.device import device_text
from jobs.gpus import nvidia_smi
from srcnn.paths import StudyPaths

from .conftest import SOON_S

ON_GPU = ("train", "render", "baseline", "evaluate")


def submit(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "runner.submit", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )


def records(root):
    """The last attempt at every task, by stage."""
    paths = StudyPaths(root / "tiny")
    (run,) = paths.folder.glob("runs/*")
    found = last_attempts(run / "attempts") | last_attempts(paths.folder / "attempts")
    return run, {stage: attempt for (stage, _), (attempt, _) in found.items()}


@pytest.mark.parametrize("executor", ["local", "debug"])
def test_a_study_trains_restores_and_scores_on_the_device(tmp_path, device, executor):
    cluster = {stage: {"gpus": int(device.type == "cuda")} for stage in ON_GPU}
    training = {"epochs": 2, "batch_size": 8, "warmup_steps": 2, "device": device.type}
    file = tiny_study(tmp_path, cluster=cluster, training=training)
    backend = [] if device.type == "cuda" else ["evaluate.backend=torch"]
    visible = {}
    if device.type == "cuda" and executor == "local":  # tasks are given it as it was named
        visible = {"CUDA_VISIBLE_DEVICES": nvidia_smi("--query-gpu=uuid", "--format=csv,noheader")[0][0]}
    done = submit(str(file), *backend, "--executor", executor, "--root", str(tmp_path / "results"), **visible)
    assert done.returncode == 0, done.stdout + done.stderr
    run, attempts = records(tmp_path / "results")
    assert {attempt.outcome for attempt in attempts.values()} == {"done"}
    assert {attempts[stage].device for stage in ON_GPU} == {device_text(device)}
    shards = list((tmp_path / "results" / "tiny" / "scores").rglob("*.parquet"))
    assert len(shards) == 3
    for shard in shards:
        made = json.loads(pq.read_schema(shard).metadata[b"made_from"])
        assert made["scored_by"] == [f"torch, {device_text(device)}"]
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    if device.type == "cuda":
        assert {record["precision"] for record in history} == {"bfloat16"}
    assert (tmp_path / "results" / "tiny" / "report" / "index.html").exists()


def test_a_study_that_wants_a_gpu_that_is_hidden_fails_at_once_and_says_so(tmp_path, cuda):
    file = tiny_study(tmp_path, training={"epochs": 1, "device": "cuda"})
    done = submit(str(file), "--executor", "local", "--root", str(tmp_path / "results"), CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert "training.device is cuda" in done.stdout
    assert "CUDA_VISIBLE_DEVICES" in done.stdout
