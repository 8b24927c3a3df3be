"""The authors' weights reach their published figures through our whole protocol."""

import os

import numpy as np
import pytest

from srcnn.experiment import DataConfig
from srcnn.files import is_grey_file, read_picture
from srcnn.models.weights import read_weights
from srcnn.monitor import MonitoredPicture, mean_scores

FOLDERS = {"Set5": "set5", "Set14": "set14", "B100": "bsds500/val"}

# Dong et al. (2016), doi:10.1109/TPAMI.2015.2439281, tables 2 to 5 of the authors' own evaluation:
# (PSNR, SSIM) of bicubic, 9-1-5 trained on T91, 9-5-5 trained on ImageNet. B100: PSNR only.
PUBLISHED = {
    ("Set5", 2): ((33.66, 0.9299), (36.34, 0.9521), (36.66, 0.9542)),
    ("Set5", 3): ((30.39, 0.8682), (32.39, 0.9033), (32.75, 0.9090)),
    ("Set5", 4): ((28.42, 0.8104), (30.08, 0.8530), (30.48, 0.8628)),
    ("Set14", 2): ((30.23, 0.8687), (32.18, 0.9039), (32.45, 0.9067)),
    ("Set14", 3): ((27.54, 0.7736), (29.00, 0.8145), (29.29, 0.8215)),
    ("Set14", 4): ((26.00, 0.7019), (27.20, 0.7413), (27.50, 0.7513)),
    ("B100", 2): ((29.56, None), (31.14, None), (31.36, None)),
    ("B100", 3): ((27.21, None), (28.21, None), (28.41, None)),
    ("B100", 4): ((25.96, None), (26.71, None), (26.90, None)),
}
FILES = {"9-1-5": "srcnn_9-1-5_t91", "9-5-5": "srcnn_9-5-5_imagenet"}


def _pictures(data_root, name, scale):
    data = DataConfig(train=("none",), scale=scale, crop_to_scale=True)
    files = sorted((data_root / FOLDERS[name]).iterdir())
    return [MonitoredPicture(name, read_picture(file), data, is_grey_file(file)) for file in files]


def _check(found, expected, prefix=""):
    psnr, ssim = expected
    assert found[f"{prefix}psnr"] == pytest.approx(psnr, abs=0.01)
    if ssim is not None:
        assert found[f"{prefix}ssim"] == pytest.approx(ssim, abs=0.0005)


# SRCNN_SLOW=1 includes what takes minutes: B100, and the large network on Set14 at every scale.
SLOW = bool(os.environ.get("SRCNN_SLOW"))
SHOWN = [key for key in PUBLISHED if key[0] != "B100" or SLOW]


@pytest.mark.parametrize(("name", "scale"), SHOWN)
def test_the_authors_weights_give_their_published_figures(data_root, name, scale):
    bicubic, *trained = PUBLISHED[name, scale]
    pictures = _pictures(data_root, name, scale)
    for (model, stem), expected in zip(FILES.items(), trained, strict=True):
        if (model, name) == ("9-5-5", "Set14") and scale != 3 and not SLOW:
            continue
        weights = read_weights(data_root / "weights" / f"{stem}_x{scale}.mat")
        assert weights.name == model
        found = mean_scores(_built(weights), pictures, weights.scale)[name]
        _check(found, bicubic, "bicubic_")
        _check(found, expected)


@pytest.mark.parametrize("scale", [2, 3, 4] if SLOW else [3])
def test_bicubic_gives_the_published_figures_of_b100(data_root, scale):
    values = [picture.bicubic["bicubic_psnr"] for picture in _pictures(data_root, "B100", scale)]
    assert len(values) == 100
    assert np.mean(values) == pytest.approx(PUBLISHED["B100", scale][0][0], abs=0.01)


@pytest.mark.parametrize(("file", "psnr"), [("srcnn_9-1-5_imagenet_x3", 32.52), ("srcnn_9-3-5_imagenet_x3", 32.65)])
def test_the_other_published_networks_give_their_figures(data_root, file, psnr):
    weights = read_weights(data_root / "weights" / f"{file}.mat")
    found = mean_scores(_built(weights), _pictures(data_root, "Set5", 3), weights.scale)["Set5"]
    assert found["psnr"] == pytest.approx(psnr, abs=0.01)


def _built(weights):
    from srcnn.models.build import build_model

    model = build_model(weights.name, residual=weights.residual, seed=0)
    model.load_state_dict(weights.state)
    return model.eval()


def test_the_reports_network_loads_and_beats_the_blurred_input(data_root):
    weights = read_weights(data_root / "report" / "SRCNN_3x.pt")
    assert weights.name == "9-1-7"
    data = DataConfig(train=("none",), scale=3, blur_sigma=1.0, crop_to_scale=True)
    pictures = [MonitoredPicture("Set5", read_picture(f), data) for f in sorted((data_root / "set5").iterdir())]
    found = mean_scores(_built(weights), pictures, weights.scale)["Set5"]
    assert found["psnr"] > found["bicubic_psnr"] + 2
