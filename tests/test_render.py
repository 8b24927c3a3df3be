"""Restored pictures keep their colours and sizes, whatever program opens them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import opened, photograph
from PIL import Image

from jobs.checkpoint import Checkpoint, CheckpointError
from jobs.pictures import SetRef, read_set
from jobs.render import Render
from srcnn.experiment import DataConfig, Experiment, TrainingConfig
from srcnn.models.build import build_model
from srcnn.paths import RootPaths


def untouching_checkpoint(path: Path, data: DataConfig) -> None:
    """A checkpoint whose network gives back its input: the residual's last layer is zero."""
    model = build_model("9-1-5", residual=True, seed=0)
    with torch.no_grad():
        model.reconstruct.weight.zero_()
        model.reconstruct.bias.zero_()
    state = model.state_dict()
    Checkpoint(1, state, {}, [], {}, data.model_dump(mode="json"), 0, 0.45, 1.0).save(path)


def rendered(tmp_path: Path, pictures: dict[str, np.ndarray], **data: object) -> Path:
    """Folder of one epoch, rendered from these pictures by a network that changes nothing."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    root = RootPaths(tmp_path / "results")
    config = DataConfig(train=str(folder), eval={"set": str(folder)}, scale=2, **data)
    found = read_set([str(folder)], root)
    found.save(root)
    experiment = Experiment(data=config, training=TrainingConfig(epochs=1))
    run = root.study("study").run("r0")
    untouching_checkpoint(run.checkpoint(1), config)
    stage = Render(root, run, experiment, (SetRef("set", "eval", found.set_id),))
    assert not stage.is_done()
    stage()
    assert stage.is_done()
    return run.rendered_epoch("eval", 1)


@pytest.mark.parametrize("standard", ["bt601", "jpeg"])
def test_red_is_red_when_another_library_opens_the_file(tmp_path, standard):
    red = np.zeros((40, 56, 3), np.uint8)
    red[..., 0] = 255
    epoch = rendered(tmp_path, {"red": red}, luma=standard)
    blue, green, red_band = cv2.split(cv2.imread(str(epoch / "set" / "red.png")).astype(int))
    assert red_band.min() >= 250
    assert green.max() <= 5
    assert blue.max() <= 5


def test_pictures_of_any_size_keep_it_border_included(tmp_path):
    sizes = {"tiny": (5, 7), "wide": (9, 200), "odd": (33, 47), "tall": (101, 4)}
    epoch = rendered(tmp_path, {name: photograph(1, *size) for name, size in sizes.items()})
    for name, size in sizes.items():
        assert cv2.imread(str(epoch / "set" / f"{name}.png")).shape[:2] == size
        assert cv2.imread(str(epoch / "luma" / "set" / f"{name}.png"), cv2.IMREAD_UNCHANGED).shape == size
        zoomed = cv2.imread(str(epoch / "zoom_2" / "set" / f"{name}.png"))
        assert zoomed.shape[:2] == (size[0] // 2, size[1] // 2)


def test_a_network_that_changes_nothing_gives_the_interpolated_picture(tmp_path):
    from srcnn.deprocess import deprocess
    from srcnn.views import interpolated_bands

    picture = photograph(5, 48, 64)
    epoch = rendered(tmp_path, {"x": picture})
    bands = interpolated_bands(picture, DataConfig(train="x", scale=2))
    expected = deprocess(bands[..., 0], bands, "bt601").astype(int)
    assert np.abs(opened(epoch / "set" / "x.png").astype(int) - expected).max() <= 1


def test_literature_crops_to_a_multiple_of_the_scale(tmp_path):
    epoch = rendered(tmp_path, {"x": photograph(1, 33, 47)}, crop_to_scale=True)
    assert opened(epoch / "set" / "x.png").shape == (32, 46, 3)


def test_pictures_made_from_another_set_are_replaced(tmp_path):
    epoch = rendered(tmp_path, {"x": photograph(1, 32, 32)})
    root = RootPaths(tmp_path / "results")
    Image.fromarray(photograph(2, 32, 32)).save(tmp_path / "pictures" / "x.png")
    changed = read_set([str(tmp_path / "pictures")], root)
    changed.save(root)
    config = DataConfig(train="x", eval={"set": "x"}, scale=2)
    stage = Render(
        root,
        root.study("study").run("r0"),
        Experiment(data=config, training=TrainingConfig(epochs=1)),
        (SetRef("set", "eval", changed.set_id),),
    )
    before = (epoch / "set" / "x.png").read_bytes()
    assert not stage.is_done()
    stage()
    assert stage.is_done()
    assert (epoch / "set" / "x.png").read_bytes() != before


def test_a_truncated_checkpoint_is_named(tmp_path):
    file = tmp_path / "x.pt"
    untouching_checkpoint(file, DataConfig(train="x"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"x\.pt: is damaged"):
        Checkpoint.load(file)
