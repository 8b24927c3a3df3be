"""Weights of others are read with their scale, whatever file they come in, or named for what they are."""

import os
import zipfile

import numpy as np
import pytest
import torch
from conftest import photograph
from small_study import small_plan

from jobs.checkpoint import Checkpoint
from jobs.restore import main as restore
from runner.study.config import ConfigError
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig
from srcnn.files import is_grey_file, read_picture
from srcnn.models.build import build_model
from srcnn.models.published import main
from srcnn.models.weights import RAW_SCALE, REPORT_SCALE, WeightsError, read_weights
from srcnn.monitor import MonitoredPicture, mean_scores


def test_the_command_imports_a_file_as_a_checkpoint(data_root, tmp_path, capsys):
    out = tmp_path / "model.pt"
    file = data_root / "weights" / "srcnn_9-1-5_t91_x4.mat"
    assert main([str(file), "--out", str(out), "--score", str(data_root / "set5")]) == 0
    assert "set5: PSNR 30.08 dB" in capsys.readouterr().out
    checkpoint = Checkpoint.load(out)
    assert (checkpoint.data.scale, checkpoint.model_config["residual"]) == (4, False)


def test_a_file_that_holds_no_weights_is_named(tmp_path):
    file = tmp_path / "nothing_x3.mat"
    with pytest.raises(WeightsError, match=r"nothing_x3\.mat: no such file"):
        read_weights(file)
    for name in ("nothing_x3.mat", "nothing_x3.pt"):
        (tmp_path / name).write_bytes(b"not weights")
        with pytest.raises(WeightsError, match=r"holds no SRCNN weights|is not a file of weights; .*three-layer SRCNN"):
            read_weights(tmp_path / name)


PLACES = {
    "empty": (lambda file: file.write_bytes(b""), "is empty"),
    "unreadable": (lambda file: file.symlink_to("/proc/self/mem"), "Input/output error"),
    "a folder": (lambda file: file.mkdir(), "Is a directory"),
    "a pipe": (os.mkfifo, "is a pipe"),
}


@pytest.mark.parametrize("suffix", ["mat", "pt"])
@pytest.mark.parametrize("what", PLACES)
def test_what_is_in_the_place_of_a_file_of_weights_is_named_with_it(tmp_path, suffix, what):
    make, words = PLACES[what]
    make(tmp_path / f"w.{suffix}")
    with pytest.raises(WeightsError, match=rf"w\.{suffix}: .*{words}"):
        read_weights(tmp_path / f"w.{suffix}")


def test_a_grey_file_is_luma_already(tmp_path):
    from PIL import Image

    from srcnn.views import interpolated_bands, measured_luma

    grey = np.random.default_rng(0).integers(0, 256, (24, 24), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    picture = read_picture(tmp_path / "grey.png")
    assert is_grey_file(tmp_path / "grey.png")
    np.testing.assert_array_equal(measured_luma(picture, grey=True), grey)
    assert measured_luma(picture).max() <= 235
    data = DataConfig(train=("none",), scale=2)
    assert np.ptp(interpolated_bands(picture, data, grey=True)[..., 1]) < 1e-9


# --- what others' programs wrote ----------------------------------------------------------------


def identity(names=("conv1", "conv2", "conv3"), prefix="", kernels=(9, 1, 5)):
    """The state of a network that gives back what it is given."""
    state = {}
    for name, before, after, side in zip(names, (1, 64, 32), (64, 32, 1), kernels, strict=True):
        kernel = torch.zeros(after, before, side, side)
        kernel[0, 0, side // 2, side // 2] = 1
        state |= {f"{prefix}{name}.weight": kernel, f"{prefix}{name}.bias": torch.zeros(after)}
    return state


def saved(path, content):
    torch.save(content, path)
    return path


def test_an_identity_network_scores_what_bicubic_scores(tmp_path):
    weights = read_weights(saved(tmp_path / "identity.pth", identity()))
    model = build_model(weights.name, residual=weights.residual, seed=0)
    model.load_state_dict(weights.state)
    pictures = [MonitoredPicture("one", photograph(1), DataConfig(train=("none",), scale=2))]
    found = mean_scores(model.eval(), pictures, weights.scale)["one"]
    assert f"{found['psnr']:.4f}" == f"{found['bicubic_psnr']:.4f}"
    assert f"{found['ssim']:.6f}" == f"{found['bicubic_ssim']:.6f}"
    assert "luma in plain [0, 1]" in weights.assumed


def test_the_reports_weights_are_known_by_content_whoever_wrote_the_file(data_root, tmp_path):
    original = torch.load(data_root / "report" / "SRCNN_3x.pt", map_location="cpu", weights_only=True)
    again = saved(tmp_path / "other_name.pth", {"state_dict": {f"module.{k}": v for k, v in original.items()}})
    assert (read_weights(again).scale, read_weights(again).assumed) == (REPORT_SCALE, "")
    original["conv3.bias"] += 1e-3
    assert read_weights(saved(tmp_path / "trained_on.pth", original)).scale == RAW_SCALE
    with pytest.raises(WeightsError, match=r"has mean 0\.43399 .* leave model\.weights_scale"):
        read_weights(again, RAW_SCALE)


WRAPPED = {
    "as DataParallel names them": identity(prefix="module."),
    "beside an optimiser": {"epoch": 3, "state_dict": identity(), "optimizer": {"state": {0: {"step": 1}}, "lr": 0.1}},
    "below model": {"model": identity(prefix="module.")},
    "below net, and once more": {"net": {"params": identity(("features.0", "map.0", "reconstruction"))}},
    "in half precision": {name: value.half() for name, value in identity().items()},
    "twice the same": {"params": identity(), "params_ema": identity()},
    "as parameters": {name: torch.nn.Parameter(value) for name, value in identity().items()},
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_state_dict_is_found_however_it_is_wrapped_and_named(tmp_path, how):
    weights = read_weights(saved(tmp_path / "w.pth", WRAPPED[how]))
    plain = read_weights(saved(tmp_path / "plain.pth", identity()))
    assert weights.name == "9-1-5"
    assert all(torch.equal(value, weights.state[name]) for name, value in plain.state.items())


class Own(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 64, 9)


OTHERS = {
    "whole module": (Own(), r"whole pickled module \(.*Own\).*save its state_dict"),
    "settings": ({"args": np.float64(1), **identity()}, r"Python objects besides tensors \(numpy.*state dict alone"),
    "colour": ({"conv1.weight": torch.zeros(64, 3, 9, 9)}, r"another network \(conv1\.weight \(64, 3, 9, 9\)\)"),
    "normalisation": ({**identity(), "mean": torch.zeros(1)}, r"another network \(.* and 1 more\)"),
    "ESPCN": (identity() | {"conv3.weight": torch.zeros(9, 32, 3, 3)}, "another network"),
    "two networks": ({"a": identity(), "b": {k: v + 1 for k, v in identity().items()}}, "several networks that differ"),
    "unknown kernels": (identity(kernels=(5, 5, 5)), r"kernels 5-5-5; the known ones are 9-1-5"),
    "nothing": ({}, "a dictionary of nothing"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_whole_file_of_another_kind_is_named_for_what_it_is(tmp_path, what):
    content, words = OTHERS[what]
    with pytest.raises(WeightsError, match=words) as error:
        read_weights(saved(tmp_path / "w.pth", content))
    assert "damaged" not in str(error.value)
    assert "weights_only" not in str(error.value)


def test_files_that_torch_did_not_write_are_named_too(tmp_path):
    header = b'{"conv1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (tmp_path / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:  # what torch.jit.save writes
        archive.writestr("script/data.pkl", b"")
        archive.writestr("script/code/__torch__.py", b"")
    names = {"w.safetensors": "safetensors", "w.h5": "HDF5", "w.npz": "numpy archive", "script.pt": "TorchScript"}
    for name, kind in names.items():
        with pytest.raises(WeightsError, match=kind):
            read_weights(tmp_path / name)
    whole = saved(tmp_path / "whole.pth", identity()).read_bytes()
    for damaged in (
        whole[:-1000],
        whole.replace(b"PK\x01\x02", b"PK??"),
        whole.replace(b"data.pkl", b"data\xff\xffkl"),
    ):
        (tmp_path / "cut.pth").write_bytes(damaged)
        with pytest.raises(WeightsError, match="cut or damaged"):
            read_weights(tmp_path / "cut.pth")


def test_a_checkpoint_of_ours_that_lost_its_checksum_is_not_taken_for_anybodys(tmp_path, data_root):
    out = tmp_path / "model.pt"
    assert main([str(data_root / "weights" / "srcnn_9-1-5_t91_x3.mat"), "--out", str(out)]) == 0
    saved(out, torch.load(out, weights_only=True))
    with pytest.raises(WeightsError, match="checkpoint of this project without its checksum"):
        read_weights(out)


def test_a_stated_scale_is_used_and_is_in_the_id_and_what_was_assumed_is_said(tmp_path):
    file = saved(tmp_path / "identity.pth", identity())
    model = {"weights": str(file), "residual": False}
    plain = small_plan(tmp_path, model=model)
    assert "plain [0, 1] (model.weights_scale=" in " ".join(plain.notes)
    stated = small_plan(tmp_path, model={**model, "weights_scale": {"mean": 0.4, "std": 0.2}})
    assert "the stated mean 0.4 and deviation 0.2" in " ".join(stated.notes)
    assert stated.runs[0].run_id != plain.runs[0].run_id
    assert read_weights(file, Standardisation(0.4, 0.2)).scale == Standardisation(0.4, 0.2)
    with pytest.raises(ConfigError, match=r"there is no model\.weights"):
        small_plan(tmp_path, model={"weights_scale": {"mean": 0.4}})
    with pytest.raises(ConfigError, match=r"model\.weights: .*another network"):
        small_plan(tmp_path, model={**model, "weights": str(saved(tmp_path / "rgb.pth", OTHERS["colour"][0]))})


def test_the_commands_take_anybodys_weights_with_their_scale(tmp_path, capsys, data_root):
    file, out = saved(tmp_path / "identity.pth", identity()), tmp_path / "model.pt"
    assert main([str(file), "--scale", "3", "--out", str(out), "--weights-scale", "0.4", "0.2"]) == 0
    assert "note: identity.pth does not tell how its network was trained" in capsys.readouterr().out
    assert Checkpoint.load(out).standardisation == Standardisation(0.4, 0.2)
    picture = str(data_root / "set5" / "butterfly.png")
    assert restore([picture, "--model", str(file), "--upsample", "2", "--out", str(tmp_path / "restored")]) == 0
    assert "luma in plain [0, 1]" in capsys.readouterr().out
    assert restore([picture, "--model", str(out), "--weights-scale", "0", "1", "--out", str(tmp_path / "r")]) == 2
    assert "leave model.weights_scale (--weights-scale) out" in capsys.readouterr().err
    assert main([str(file), "--scale", "3", "--out", str(file)]) == 2
