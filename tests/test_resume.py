"""Training that is killed and resumed gives what uninterrupted training gives, bit for bit."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from conftest import REPOSITORY
from test_keeping import epochs

from jobs.checkpoint import Checkpoint, CheckpointError, newest, save_last, set_aside_damaged
from srcnn.checkpoint import is_sealed, sealed
from srcnn.files import remove_orphans
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


# --- damage -----------------------------------------------------------------------------------
def _state(epoch):
    weights = {"layer.weight": torch.full((3,), float(epoch))}
    return Checkpoint(epoch, weights, {}, epochs(*range(epoch, 0, -1)), {}, {}, 0, 0.45, 1.0)


def test_a_checkpoint_opens_with_torch_alone_and_without_code(tmp_path):
    _state(3).save(tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True)["epoch"] == 3
    assert Checkpoint.load(tmp_path / "x.pt").history == epochs(3, 2, 1)


def test_every_single_changed_byte_is_noticed():
    content = _state(2).to_bytes()
    assert is_sealed(content)
    for position in range(0, len(content), 37):
        changed = bytearray(content)
        changed[position] ^= 1
        assert not is_sealed(bytes(changed)), position
    for length in range(0, len(content), 101):
        assert not is_sealed(content[:length]), length
    with pytest.raises(ValueError, match="without a comment"):
        sealed(content)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_previous_one_is_used(tmp_path, caplog, damage):
    paths = RunPaths(tmp_path)
    for epoch in (1, 2, 3):
        save_last(paths, _state(epoch).to_bytes(), keep=3)
    content = paths.last.read_bytes()
    middle = len(content) // 2
    paths.last.write_bytes(
        {
            "truncated": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
            "empty": b"",
        }[damage]
    )
    with pytest.raises(CheckpointError, match=r"last\.pt: is damaged"):
        Checkpoint.load(paths.last)
    with caplog.at_level(logging.WARNING):
        assert newest(paths, ()).epoch == 2
    assert str(paths.last) in caplog.text
    paths.previous(1).write_bytes(b"")
    assert newest(paths, ()).epoch == 1


def test_with_no_last_state_left_the_most_advanced_other_one_is_used(tmp_path):
    paths = RunPaths(tmp_path)
    _state(4).save(paths.best)
    _state(2).save(paths.checkpoint(2))
    _state(6).save(paths.checkpoint(6))
    assert newest(paths, (2, 6)).epoch == 6
    paths.checkpoint(6).write_bytes(b"broken")
    assert newest(paths, (2, 6)).epoch == 4
    assert newest(RunPaths(tmp_path / "none"), (2,)) is None


def test_a_kept_state_that_is_ahead_of_the_last_one_is_gone_on_from(tmp_path):
    paths = RunPaths(tmp_path)
    _state(3).save(paths.last)
    for epoch in (2, 4, 6):
        _state(epoch).save(paths.checkpoint(epoch))
    assert newest(paths, (2, 4, 6)).epoch == 6
    paths.checkpoint(6).write_bytes(b"broken")
    assert newest(paths, (2, 4, 6)).epoch == 4
    _state(5).save(paths.best)
    assert newest(paths, (2, 4, 6)).epoch == 5


def test_only_the_last_n_states_are_kept(tmp_path):
    paths = RunPaths(tmp_path)
    for epoch in range(1, 9):
        save_last(paths, _state(epoch).to_bytes(), keep=3)
    kept = {path.name: Checkpoint.load(path).epoch for path in paths.checkpoints.iterdir()}
    assert kept == {"last.pt": 8, "previous_1.pt": 7, "previous_2.pt": 6}


def test_a_damaged_kept_checkpoint_is_set_aside_to_be_made_again(tmp_path):
    file = tmp_path / "epoch_0001.pt"
    _state(1).save(file)
    assert set_aside_damaged(file) is None
    file.write_bytes(file.read_bytes()[:-1])
    assert set_aside_damaged(file) == tmp_path / "epoch_0001.pt.damaged"
    assert not file.exists()


def test_temporary_files_of_dead_processes_are_removed_and_no_others(tmp_path):
    from srcnn.place import mark

    place, _, pid = mark().partition("-")
    names = {f".{place}-999999999-0123abcd.pt": False, f".{place}-{pid}-0123abcd.pt": True}
    names[".01234567-999999999-0123abcd.pt"] = True  # of another machine or container
    for name in names:
        (tmp_path / name).touch()
    assert remove_orphans(tmp_path) == 1
    assert {name: (tmp_path / name).exists() for name in names} == names
