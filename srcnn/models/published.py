"""Weights that others published: read from their files, used as a model's start or as they are.

``python -m srcnn.models.published FILE.mat`` imports a file as a checkpoint for
``python -m jobs.restore``; with ``--score FOLDER`` it prints what the network reaches there.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srcnn.deprocess import Standardisation
from srcnn.door import command

Floats = NDArray[np.float32]
LAYERS = ("extract", "map", "reconstruct")
# The report's network saw luma standardised by its 409 training pictures (its notebook's figures).
REPORT_SCALE = Standardisation(0.43398995682829317, 0.23199219136380714)
RAW_SCALE = Standardisation(0.0, 1.0)


class WeightsError(ValueError):
    """A file of weights that cannot be used, named, with the reason."""


@dataclass(frozen=True)
class Weights:
    """A network's name, its state, and the scale of luma that it was trained on."""

    name: str
    residual: bool
    state: dict[str, Any]
    scale: Standardisation


def read_weights(path: Path) -> Weights:
    """The weights in a file: the authors' MATLAB files, a checkpoint of ours, or the report's ``.pt``.

    Raises WeightsError for a file that is missing or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights")
    return _from_matlab(path) if path.suffix.lower() == ".mat" else _from_torch(path)


def _from_matlab(path: Path) -> Weights:
    """The authors' layout: each kernel is flattened by columns, and filters are the last axis."""
    import torch
    from scipy.io import loadmat

    try:
        arrays = loadmat(path)
        first, last = arrays["weights_conv1"], arrays["weights_conv3"]
        middle = arrays["weights_conv2"]  # (channels in, kernel pixels, channels out)
        layers = [
            first.T[:, None, :],  # (64, 1, 81)
            middle.transpose(2, 0, 1),  # (32, 64, k * k)
            last[None],  # (1, 32, 25)
        ]
        biases = [arrays[f"biases_conv{number}"].ravel() for number in (1, 2, 3)]
    except Exception as error:  # scipy raises its own and a dozen others for a file that is none
        raise WeightsError(f"{path}: holds no SRCNN weights in the authors' layout ({error!r})") from error
    state: dict[str, Any] = {}
    for layer, flat, bias in zip(LAYERS, layers, biases, strict=True):
        side = round(flat.shape[-1] ** 0.5)
        kernels = flat.reshape(*flat.shape[:2], side, side).swapaxes(-1, -2)
        state[f"{layer}.weight"] = torch.from_numpy(np.ascontiguousarray(kernels, dtype=np.float32))
        state[f"{layer}.bias"] = torch.from_numpy(bias.astype(np.float32))
    return Weights(_name(state), residual=False, state=state, scale=RAW_SCALE)


def _from_torch(path: Path) -> Weights:
    import torch

    from srcnn.checkpoint import Checkpoint, CheckpointError

    try:
        checkpoint = Checkpoint.load(path)
    except CheckpointError as refused:
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            state = {_ours(name): value for name, value in found.items()}
            return Weights(_name(state), residual=False, state=state, scale=REPORT_SCALE)
        except Exception as error:  # torch raises a dozen types for what is no file of weights
            raise WeightsError(f"{path}: {refused}; nor is it a three-layer SRCNN ({error!r})") from error
    model = checkpoint.model_config
    return Weights(model["name"], bool(model["residual"]), checkpoint.model, checkpoint.standardisation)


def _ours(name: str) -> str:
    number, kind = re.fullmatch(r"conv([123])\.(weight|bias)", name).groups()  # type: ignore[union-attr]
    return f"{LAYERS[int(number) - 1]}.{kind}"


def _name(state: dict[str, Any]) -> str:
    return "-".join(str(state[f"{layer}.weight"].shape[-1]) for layer in LAYERS)


# --- the command ------------------------------------------------------------------------------
def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m srcnn.models.published", description="Import published SRCNN weights.")
    p.add_argument("file", type=Path, metavar="FILE.mat", help="the authors' MATLAB file, or the report's .pt")
    p.add_argument("--out", type=Path, help="checkpoint to write (default: the file's name, .pt, in this folder)")
    p.add_argument("--scale", type=int, help="what the network enlarges by (default: read off the file's name)")
    p.add_argument("--score", type=Path, nargs="*", default=[], metavar="FOLDER", help="pictures to score it on")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """0 if the weights were imported, 2 if not."""
    arguments = parser().parse_args(argv)
    found = re.search(r"(?:_x(\d+)|_(\d+)x)\.", arguments.file.name)
    scale = arguments.scale or (int(found[1] or found[2]) if found else None)
    if scale is None:
        print(f"error: {arguments.file.name} does not say its scale; add --scale", file=sys.stderr)
        return 2
    try:
        weights = read_weights(arguments.file)
    except WeightsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    checkpoint = _as_checkpoint(weights, scale)
    out = arguments.out or Path(arguments.file.stem + ".pt")
    checkpoint.save(out)
    count = sum(value.numel() for value in weights.state.values())
    print(f"{weights.name}, x{scale}, {count} weights and biases -> {out}")
    print(f"use it: python -m jobs.restore --model {out} --upsample {scale} --out restored PICTURES")
    for folder in arguments.score:
        _print_score(checkpoint, folder)
    return 0


def _as_checkpoint(weights: Weights, scale: int) -> Any:
    from srcnn.checkpoint import Checkpoint
    from srcnn.experiment import DataConfig, ModelConfig

    data = DataConfig(train=("published",), scale=scale, crop_to_scale=True)
    return Checkpoint(
        epoch=0,
        model=weights.state,
        optimiser={},
        history=[],
        model_config=ModelConfig(name=weights.name, residual=weights.residual).model_dump(mode="json"),
        data_config=data.model_dump(mode="json"),
        seed=0,
        mean=weights.scale.mean,
        std=weights.scale.std,
    )


def _print_score(checkpoint: Any, folder: Path) -> None:
    from srcnn.files import PICTURE_SUFFIXES, is_grey_file, read_picture
    from srcnn.monitor import MonitoredPicture, mean_scores

    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
    pictures = [
        MonitoredPicture(folder.name, read_picture(file), checkpoint.data, is_grey_file(file)) for file in files
    ]
    for name, values in mean_scores(checkpoint.build(), pictures, checkpoint.standardisation).items():
        print(
            f"{name}: PSNR {values['psnr']:.2f} dB (bicubic {values['bicubic_psnr']:.2f}), "
            f"SSIM {values['ssim']:.4f} (bicubic {values['bicubic_ssim']:.4f}), {len(files)} pictures"
        )


if __name__ == "__main__":
    sys.exit(main())
