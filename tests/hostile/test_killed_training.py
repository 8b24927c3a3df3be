"""Training that is killed and resumed gives what uninterrupted training gives, bit for bit."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from conftest import REPOSITORY

from jobs.checkpoint import Checkpoint
from srcnn.history import TIMINGS
from srcnn.paths import RunPaths

SCRIPT = Path(__file__).with_name("kill_and_resume.py")
KILLS = 21


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}  # whose one thread lets both trainings compute alike
    command = [sys.executable, str(SCRIPT), str(folder), str(KILLS)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    return folder, json.loads(done.stdout)


def _run_folder(root):
    (folder,) = (root / "killed" / "runs").iterdir()
    return RunPaths(folder)


def _history(paths):
    records = [json.loads(line) for line in paths.history.read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in TIMINGS} for record in records]


def test_training_was_killed_in_epochs_batches_and_writes(runs):
    _, deaths = runs
    assert len(deaths) >= 20
    assert set(Counter(death[0] for death in deaths)) == {"time", "batch", "write"}
    assert len({death[-1] for death in deaths}) >= 4  # different epochs


def test_killed_training_gives_the_same_weights_bit_for_bit(runs):
    folder, _ = runs
    whole, killed = (_run_folder(folder / name) for name in ("whole", "killed"))
    files = sorted(path.name for path in whole.checkpoints.glob("*.pt"))
    assert {"best.pt", "last.pt", "epoch_0004.pt", "epoch_0008.pt", "epoch_0012.pt"} <= set(files)
    for name in ("best.pt", "last.pt", "epoch_0004.pt", "epoch_0008.pt", "epoch_0012.pt"):
        a, b = (Checkpoint.load(paths.checkpoints / name) for paths in (whole, killed))
        assert a.epoch == b.epoch
        for key, value in a.model.items():
            assert torch.equal(value, b.model[key]), (name, key)
        for index, state in a.optimiser["state"].items():
            for key, value in state.items():
                assert torch.equal(value, b.optimiser["state"][index][key]), (name, index, key)


def test_killed_training_gives_the_same_history_and_scores(runs):
    folder, _ = runs
    assert _history(_run_folder(folder / "whole")) == _history(_run_folder(folder / "killed"))
    shards = [sorted((folder / name / "killed" / "scores").glob("*/*.parquet")) for name in ("whole", "killed")]
    assert [path.name for path in shards[0]] == [path.name for path in shards[1]]
    for a, b in zip(*shards, strict=True):
        assert pq.read_table(a).equals(pq.read_table(b))


def test_killed_writes_leave_no_rubbish_behind(runs):
    folder, _ = runs
    left = [file.name for file in _run_folder(folder / "killed").checkpoints.iterdir() if file.name.startswith(".")]
    # Only what the very last attempts left; the next training removes it.
    assert len(left) <= 2
