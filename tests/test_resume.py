"""Training goes on from the newest state that is whole, and whatever is damaged is named."""

import logging

import pytest
import torch
from small_study import train
from test_keeping import epochs

from jobs.checkpoint import Checkpoint, CheckpointError, newest, save_last, set_aside_damaged
from srcnn.files import remove_orphans
from srcnn.history import TIMINGS
from srcnn.paths import RunPaths
from srcnn.whole import is_sealed, sealed


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


def test_a_training_that_was_interrupted_ends_with_the_weights_and_history_of_one_that_was_let_be(tmp_path):
    settings = {"training": {"epochs": 3}, "keep": {"every_s": 0}}

    def interrupt(done, total, text):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", interrupt, **settings)
    ((stopped, history),) = train(tmp_path / "stopped", **settings)
    ((whole, expected),) = train(tmp_path / "whole", **settings)
    weights, others = (Checkpoint.load(paths.last).model for paths in (stopped, whole))
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    for epoch in (*history, *expected):
        for name in TIMINGS:
            epoch.pop(name, None)
    assert history == expected
    assert len(history) == 3
