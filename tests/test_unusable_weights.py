"""Weights that are no finite numbers of their network's kind and shape are refused by name at every door."""

import zipfile

import numpy as np
import pytest
import torch
from conftest import write_pictures
from scipy.io import savemat
from scipy.sparse import csc_array
from small_study import small_plan, train

from jobs.checkpoint import Checkpoint, CheckpointError
from jobs.restore import main as restore
from runner.study.config import ConfigError
from srcnn.models.build import build_model
from srcnn.models.published import main as published
from srcnn.models.state import StateError, load_state
from srcnn.models.weights import WeightsError, as_checkpoint, read_weights
from srcnn.whole import sealed

KERNEL, BIAS = "extract.weight", "map.bias"


def spoilt(value, name=KERNEL):
    """A state dict of 9-1-5 with one other value."""
    state = build_model("9-1-5", residual=False, seed=0).state_dict()
    return {**state, name: value(state[name])}


def one(number):
    def put(weights):
        weights = weights.double()
        weights.view(-1)[3] = number
        return weights

    return put


def quantised(weights):
    return torch.quantize_per_tensor(weights, 0.1, 0, torch.qint8)


SPOILT = {
    "nan": (one(torch.nan), r"holds nan or infinity \(1 of \d+ values\)"),
    "infinite": (one(-torch.inf), r"holds nan or infinity \(1 of \d+ values\)"),
    "beyond float32": (one(1e300), r"holds 1e\+300, which torch\.float32 cannot"),
    "complex": (lambda weights: weights.to(torch.complex64), r"holds torch\.complex64, expected torch\.float32"),
    "integer": (lambda weights: weights.to(torch.int64), r"holds torch\.int64, expected torch\.float32"),
    "truth values": (lambda weights: weights > 0, r"holds torch\.bool, expected torch\.float32"),
    "sparse": (lambda weights: weights.to_sparse(), "is sparse, expected a plain tensor"),
    "nowhere": (lambda weights: weights.to("meta"), "is on no device, expected a plain tensor"),
    "quantised": (quantised, "is quantised, expected a plain tensor"),
    "of eight bits": (lambda weights: weights.to(torch.float8_e4m3fn), "holds torch.float8_e4m3fn, expected"),
}


@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor.*", "ignore:.*TypedStorage.*", "ignore:.*torch.ao.*")
@pytest.mark.parametrize("name", [KERNEL, BIAS])
@pytest.mark.parametrize("kind", SPOILT)
def test_weights_that_are_no_finite_numbers_are_refused_by_name(tmp_path, kind, name):
    value, reason = SPOILT[kind]
    state = spoilt(value, name)
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=f"a.pt: {name} {reason}"):
        read_weights(tmp_path / "a.pt")
    with pytest.raises(StateError, match=f"{name} {reason}"):
        load_state(build_model("9-1-5", residual=False, seed=0), state)


@pytest.mark.parametrize("kind", ["nan", "beyond float32", "integer"])
def test_a_checkpoint_of_unusable_weights_restores_and_begins_nothing(ends, tmp_path, kind):
    value, reason = SPOILT[kind]
    weights = read_whole(tmp_path)
    weights.state.update(spoilt(value))
    as_checkpoint(weights, 2).save(tmp_path / "a.pt")
    pictures = write_pictures(tmp_path / "pictures", [1])
    ended = ends(restore, pictures, "--model", tmp_path / "a.pt", "--out", tmp_path / "out")
    assert (ended.status, (tmp_path / "out").exists()) == (2, False)
    with pytest.raises(CheckpointError, match=f"{KERNEL} {reason}"):
        Checkpoint.load(tmp_path / "a.pt").build()
    with pytest.raises(ConfigError, match=f"model.weights: .*a.pt: {KERNEL} {reason}"):
        small_plan(tmp_path, model={"weights": str(tmp_path / "a.pt"), "residual": False})
    ended = ends(published, tmp_path / "a.pt", "--scale", 2, "--out", tmp_path / "b.pt")
    assert (ended.status, (tmp_path / "b.pt").exists()) == (2, False)
    assert f"{KERNEL} " in ended.said


def read_whole(folder):
    torch.save(spoilt(lambda weights: weights), folder / "whole.pt")
    return read_weights(folder / "whole.pt")


def test_weights_that_are_spoilt_after_the_submission_train_nothing(tmp_path):
    torch.save(spoilt(lambda weights: weights), tmp_path / "a.pt")
    given = {"weights": str(tmp_path / "a.pt"), "residual": False}
    plan = small_plan(tmp_path, model=given, training={"epochs": 0})
    torch.save(spoilt(one(torch.nan)), tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=KERNEL):
        plan.stage("train")[0].job()


def test_a_state_that_was_spoilt_is_not_gone_on_from(tmp_path):
    ((paths, _),) = train(tmp_path, training={"epochs": 1})
    state = Checkpoint.load(paths.last)
    state.model[KERNEL] = one(torch.inf)(state.model[KERNEL])
    state.epoch, state.history = 0, []
    for file in paths.checkpoints.glob("*.pt"):
        file.unlink()
    state.save(paths.last)
    with pytest.raises(StateError, match=KERNEL):
        train(tmp_path, training={"epochs": 1})


@pytest.mark.parametrize("name", [KERNEL, BIAS])
def test_weights_of_another_shape_or_name_are_refused_with_both(name):
    model = build_model("9-1-5", residual=False, seed=0)
    shape = tuple(model.state_dict()[name].shape)
    with pytest.raises(StateError) as caught:
        load_state(model, spoilt(lambda weights: weights[:-1], name))
    assert str(caught.value) == f"{name} is {(shape[0] - 1, *shape[1:])}, expected {shape}"
    state = spoilt(lambda weights: weights)
    state["other"] = state.pop(name)
    with pytest.raises(StateError, match=f"lacks {name} and holds other, which the network does not have"):
        load_state(model, state)


def test_a_checkpoint_of_something_else_is_no_checkpoint(tmp_path):
    weights = read_whole(tmp_path)
    for change in ({"model": []}, {"model": {"a": 1}}, {"mean": float("nan")}, {"std": 0.0}, {"mean": "zero"}):
        checkpoint = as_checkpoint(weights, 2)
        vars(checkpoint).update(change)
        checkpoint.save(tmp_path / "a.pt")
        with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
            Checkpoint.load(tmp_path / "a.pt")


def matlab(**changes):
    rng = np.random.default_rng(0)
    shapes = {"weights_conv1": (81, 64), "weights_conv2": (64, 1, 32), "weights_conv3": (32, 25)}
    shapes |= {"biases_conv1": (64, 1), "biases_conv2": (32, 1), "biases_conv3": (1, 1)}
    return {**{name: rng.normal(size=shape) for name, shape in shapes.items()}, **changes}


def with_one(number, *shape):
    values = np.zeros(shape)
    values.flat[0] = number
    return values


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weights_conv2": with_one(np.nan, 64, 1, 32)}, r"weights_conv2 holds nan or infinity \(1 of 2048 values\)"),
        ({"biases_conv3": with_one(1e39, 1, 1)}, r"biases_conv3 holds 1e\+39, which torch\.float32 cannot"),
        ({"weights_conv1": np.zeros((81, 64), complex) + 1j}, r"weights_conv1 holds torch\.complex128"),
        ({"weights_conv1": np.ones((81, 64), np.int16)}, r"weights_conv1 holds torch\.int16"),
        ({"weights_conv1": csc_array(np.eye(81, 64))}, "weights_conv1 and biases_conv1 are not arrays of 1 to 64"),
        ({"weights_conv1": np.zeros((80, 64))}, "weights_conv1 and biases_conv1 are not arrays of 1 to 64"),
        ({"biases_conv2": np.zeros((31, 1))}, "weights_conv2 and biases_conv2 are not arrays of 64 to 32"),
        ({"weights_conv3": np.array([["a"]])}, "weights_conv3 and biases_conv3 are not arrays of 32 to 1"),
        ({"weights_conv3": np.zeros((32, 81))}, "kernels 9-1-9; the known ones are"),
    ],
)
def test_unusable_weights_in_a_matlab_file_are_refused_by_name(tmp_path, changes, reason):
    savemat(tmp_path / "a_x3.mat", matlab(**changes))
    with pytest.raises(WeightsError, match=f"a_x3.mat: .*{reason}"):
        read_weights(tmp_path / "a_x3.mat")


def test_whole_numbers_that_matlab_stored_in_fewer_bytes_are_numbers(tmp_path):
    savemat(tmp_path / "a_x3.mat", matlab(biases_conv1=np.zeros((64, 1))))
    assert read_weights(tmp_path / "a_x3.mat").name == "9-1-5"


def test_weights_that_give_no_finite_numbers_restore_no_picture(ends, tmp_path, finished):
    torch.save(spoilt(lambda weights: weights * 0 + 3e38), tmp_path / "a.pt")
    pictures = write_pictures(tmp_path / "pictures", [1])
    ended = ends(restore, pictures, "--model", tmp_path / "a.pt", "--out", tmp_path / "out")
    assert (ended.status, "photo1.png: the network gives nan or infinity" in ended.err) == (1, True)
    assert not list((tmp_path / "out").iterdir())
    ended = ends(published, tmp_path / "a.pt", "--scale", 2, "--out", tmp_path / "b.pt", "--score", pictures)
    assert (ended.status, "a.pt: the network gives nan or infinity" in ended.err) == (2, True)
    plan = small_plan(tmp_path, model={"weights": str(tmp_path / "a.pt"), "residual": False}, training={"epochs": 0})
    plan.stage("train")[0].job()
    with pytest.raises(ValueError, match=r"c\.png: the network gives nan or infinity"):
        plan.stage("render")[0].job()


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(ends, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"(" * 50_000_000)
        archive.writestr("archive/version", "3")
    pictures = write_pictures(tmp_path / "pictures", [1])
    ended = ends(restore, pictures, "--model", tmp_path / "a.pt", "--out", tmp_path / "out")
    assert (ended.status, "a.pt: is a packed archive, and torch.save packs none" in ended.err) == (2, True)
    (tmp_path / "a.pt").write_bytes(sealed((tmp_path / "a.pt").read_bytes()))
    with pytest.raises(CheckpointError, match="it is a packed archive"):
        Checkpoint.load(tmp_path / "a.pt")


def test_a_dictionary_within_itself_and_names_without_end_are_told_in_short(tmp_path):
    inner = {}
    inner["a"] = inner
    for content in (inner, {"x" * 10_000: torch.zeros(1)}, {"x" * 10_000: 1}):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(WeightsError, match=r"a\.pt: holds ") as caught:
            read_weights(tmp_path / "a.pt")
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("content", "kind"), [(b"\x89PNG\r\n\x1a\n", "a picture"), (b"\x89HDF\r\n\x1a\n", "an HDF5 file")]
)
def test_a_file_of_another_kind_is_not_called_a_cut_matlab_file(tmp_path, content, kind):
    (tmp_path / "a_x3.mat").write_bytes(content)
    with pytest.raises(WeightsError, match=f"a_x3.mat: is {kind}"):
        read_weights(tmp_path / "a_x3.mat")


def test_a_picture_that_cannot_be_scored_with_weights_is_left_out_by_name(ends, tmp_path):
    read_whole(tmp_path)
    pictures = write_pictures(tmp_path / "pictures", [1])
    (pictures / "b.png").write_bytes(b"no picture")
    (pictures / "c.png").mkdir()
    (tmp_path / "none").mkdir()
    command = [tmp_path / "whole.pt", "--scale", 2, "--out", tmp_path / "b.pt", "--score", pictures, tmp_path / "none"]
    ended = ends(published, *command)
    assert ended.status == 1
    assert "pictures: PSNR" in ended.out
    for words in ("b.png: is not a picture", "c.png: is a folder", "none: holds no picture"):
        assert words in ended.err
