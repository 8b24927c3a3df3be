"""A training on a GPU that is resumed: to the bit where that is wanted, and nearly so where it is not."""

import pytest
import torch
from small_study import train

from jobs.checkpoint import Checkpoint
from srcnn.history import TIMINGS
from srcnn.precision import precision_for

EPOCHS = 4
CPU = torch.device("cpu")


def interrupted(root, **training):
    """The run of a study that was stopped after its second epoch, and went on in another process's place."""
    ((paths, _),) = train(root, training=training)
    for file in paths.checkpoints.glob("*.pt"):
        if file.name != "epoch_0002.pt":
            file.unlink()
    return train(root, training=training)[0]


def apart(one, other):
    """Largest difference of two checkpoints' weights, relative to the largest weight."""
    differences = [float((one.model[name] - other.model[name]).abs().max()) for name in one.model]
    return max(differences) / max(float(value.abs().max()) for value in one.model.values())


@pytest.mark.parametrize("precision", ["auto", "float32"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path, device, deterministic, precision, note):
    training = {"epochs": EPOCHS, "batch_size": 3, "device": device.type}  # so that there are steps enough to record
    training |= {"deterministic": deterministic, "precision": precision}
    ((whole, history),) = train(tmp_path / "whole", training=training)
    resumed, again = interrupted(tmp_path / "resumed", **training)
    one, other = (Checkpoint.load(paths.last) for paths in (whole, resumed))
    note(
        f"{device.type} {precision}{', deterministic' * deterministic}: resumed after half of {history[-1]['steps']} "
        f"steps, weights {apart(one, other):.1e} apart"
    )
    if device.type == "cpu" or deterministic:
        assert all(torch.equal(value, other.model[name]) for name, value in one.model.items())
        for records in (history, again):
            for record in records:
                for name in TIMINGS:
                    del record[name]
        assert history == again
    else:
        assert apart(one, other) < 1e-2
    assert not torch.are_deterministic_algorithms_enabled()
    assert {record["precision"] for record in history} <= {"float32", "tf32", "bfloat16"}


@pytest.mark.parametrize(("begun", "other"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_training_goes_on_on_another_device_and_the_history_says_in_what(tmp_path, cuda, begun, other):
    ((paths, history),) = train(tmp_path, training={"device": begun})
    numbers = "bfloat16" if begun == "cuda" else precision_for(True, CPU, "auto")
    assert [record["precision"] for record in history] == [numbers] * 3
    for file in paths.checkpoints.glob("*.pt"):
        if file.name != "epoch_0002.pt":
            file.unlink()
    ((_, history),) = train(tmp_path, training={"device": other})
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert [record["precision"] for record in history[:2]] == [numbers] * 2
    assert history[2]["train_loss"] < history[0]["train_loss"]
