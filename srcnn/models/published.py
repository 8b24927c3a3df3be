"""Weights that others published: read from their files, used as a model's start or as they are.

``python -m srcnn.models.published FILE.mat`` imports a file as a checkpoint for
``python -m jobs.restore``; with ``--score FOLDER`` it prints what the network reaches there.
"""

import argparse
import hashlib
import io
import math
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srcnn.bounds import within
from srcnn.called import called
from srcnn.deprocess import Standardisation
from srcnn.door import command, sentence
from srcnn.models import MODELS
from srcnn.models.foreign import CHANNELS, LAYERS, ForeignError, add_weights_scale, digest, kind_of, read_foreign
from srcnn.output import refuse_to_replace
from srcnn.regular import NotRegular, read_regular
from srcnn.words import told

if TYPE_CHECKING:
    from srcnn.checkpoint import Checkpoint

Floats = NDArray[np.float32]
# The report's network saw luma standardised by its 409 training pictures (its notebook's figures).
REPORT_SCALE = Standardisation(0.43398995682829317, 0.23199219136380714)
REPORT_WEIGHTS = "d216f296d83b7d9ddcaec5f127d9970370173544d0d8553c11a429771aba0bd2"  # the digest of its weights
RAW_SCALE = Standardisation(0.0, 1.0)
MOST_SCALE = 16


class WeightsError(ValueError):
    """A file of weights that cannot be used, named, with the reason."""


@dataclass(frozen=True)
class Weights:
    """A network's name, its state, and the scale of luma that it was trained on.

    ``assumed`` says in words what the file does not tell and was taken for granted; ``content`` is its SHA-256.
    """

    name: str
    residual: bool
    state: dict[str, Any]
    scale: Standardisation
    assumed: str = ""
    content: str = ""


def read_weights(path: Path, scale: Standardisation | None = None) -> Weights:
    """The weights in a file: the authors' MATLAB files, a checkpoint of ours, or anybody's state dict.

    ``scale`` is that of luma in the network's training where the file does not tell: plain [0, 1] if
    nobody says. Raises WeightsError for a file that is missing or holds something else, or that tells
    another scale.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file of weights") from error
    except NotRegular as error:
        raise WeightsError(str(error)) from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read as weights ({error.strerror})") from error
    if not content:
        raise WeightsError(f"{path}: is empty; fetch it again")
    weights = _from_matlab(path, content) if path.suffix.lower() == ".mat" else _from_torch(path, content, scale)
    if scale and scale != weights.scale:
        raise WeightsError(
            f"{path}: its luma has mean {weights.scale.mean:.6g} and deviation {weights.scale.std:.6g}, as the file "
            f"tells, not {scale.mean:.6g} and {scale.std:.6g}: leave model.weights_scale (--weights-scale) out"
        )
    return replace(weights, content=hashlib.sha256(content).hexdigest())


def _from_matlab(path: Path, content: bytes) -> Weights:
    """The authors' layout: each kernel is flattened by columns, and filters are the last axis."""
    import torch
    from scipy.io import loadmat, whosmat

    from srcnn.models.state import StateError, require_sound

    try:
        arrays = loadmat(io.BytesIO(content))
        for name, _, kind in whosmat(io.BytesIO(content)):  # MATLAB stores whole numbers in fewer bytes
            if kind == "double" and arrays[name].dtype.kind in "iu":
                arrays[name] = arrays[name].astype(np.float64)
        flat = [arrays[f"weights_conv{number}"] for number in (1, 2, 3)]
        biases = [arrays[f"biases_conv{number}"] for number in (1, 2, 3)]
    except Exception as error:  # scipy raises its own and a dozen others for a file that is none
        kind, lack = kind_of(content), f"it has no {error.args[0]}" if isinstance(error, KeyError) else told(error)
        why = f"is {kind}" if kind and "MATLAB file" not in kind else f"holds no SRCNN weights ({lack})"
        raise WeightsError(f"{path}: {why}; expected the authors' layout, weights_conv1 to biases_conv3") from error
    # (k * k, out) for the first, (in, k * k, out) for the second, (in, k * k) for the last
    to_kernels = (lambda w: w.T[:, None], lambda w: w.transpose(2, 0, 1), lambda w: w[None])
    state: dict[str, Any] = {}
    for number, (layer, to_kernel) in enumerate(zip(LAYERS, to_kernels, strict=True)):
        before, after = CHANNELS[number : number + 2]
        try:
            kernels = to_kernel(np.asarray(flat[number]))
            side = math.isqrt(kernels.shape[-1])
            kernels = kernels.reshape(after, before, side, side).swapaxes(-1, -2)
            bias = np.asarray(biases[number]).reshape(after)
            found = {"weight": torch.from_numpy(kernels.copy()), "bias": torch.from_numpy(bias.copy())}
            for kind, value in found.items():
                require_sound(f"{'weights' if kind == 'weight' else 'biases'}_conv{number + 1}", value)
                state[f"{layer}.{kind}"] = value.float()
        except StateError as error:
            raise WeightsError(f"{path}: {error}") from error
        except (ValueError, TypeError, IndexError) as error:
            raise WeightsError(
                f"{path}: weights_conv{number + 1} and biases_conv{number + 1} are no arrays of {before} to {after} "
                f"channels ({told(error)})"
            ) from error
    return Weights(_known_name(path, state), residual=False, state=state, scale=RAW_SCALE)


def _from_torch(path: Path, content: bytes, scale: Standardisation | None) -> Weights:
    from srcnn.checkpoint import Checkpoint, CheckpointError
    from srcnn.experiment import ModelConfig, faults
    from srcnn.models.state import StateError, require_sound

    try:
        checkpoint = Checkpoint.of(path, content)
    except CheckpointError:
        return _from_others(path, content, scale)
    try:
        model = ModelConfig(**checkpoint.model_config)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: what it says of its network cannot be read ({faults(error)})") from error
    try:
        if model.name in MODELS:  # what else a class of somebody's own keeps, it alone knows
            for name, value in checkpoint.model.items():
                require_sound(name, value)
    except StateError as error:
        raise WeightsError(f"{path}: {error}") from error
    return Weights(model.name, model.residual, checkpoint.model, checkpoint.standardisation)


def _from_others(path: Path, content: bytes, scale: Standardisation | None) -> Weights:
    try:
        state = read_foreign(content)
    except ForeignError as error:
        raise WeightsError(f"{path}: {error}") from error
    name = _known_name(path, state)
    if digest(state) == REPORT_WEIGHTS:
        return Weights(name, residual=False, state=state, scale=REPORT_SCALE)
    stated = f"the stated mean {scale.mean:.6g} and deviation {scale.std:.6g}" if scale else "plain [0, 1]"
    how = "" if scale else " (model.weights_scale={mean: M, std: S}, or --weights-scale M S, says otherwise)"
    assumed = (
        f"{path.name} does not tell how its network was trained. Assumed: luma in {stated}{how}, an output that "
        "is the picture and no residual, pictures continued by their edge pixels and not by zeros"
    )
    return Weights(name, residual=False, state=state, scale=scale or RAW_SCALE, assumed=assumed)


def _known_name(path: Path, state: dict[str, Any]) -> str:
    """The network's name, which is its kernels. Raises WeightsError if there is none of them."""
    name = "-".join(str(state[f"{layer}.weight"].shape[-1]) for layer in LAYERS)
    if name not in MODELS:
        raise WeightsError(f"{path}: holds a network of kernels {name}; the known ones are {', '.join(MODELS)}")
    return name


# --- the command ------------------------------------------------------------------------------
def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog=called("srcnn.models.published"), description="Import published SRCNN weights.")
    p.add_argument("file", type=Path, metavar="FILE", help="the authors' MATLAB file, or anybody's state dict (.pt)")
    p.add_argument("--out", type=Path, help="checkpoint to write (default: the file's name, .pt, in this folder)")
    p.add_argument("--overwrite", action="store_true", help="replace --out, but never FILE or a picture of --score")
    p.add_argument(
        "--scale",
        type=within(int, 2, MOST_SCALE),
        metavar="K",
        help="what the network enlarges by (default: read off the file's name)",
    )
    p.add_argument("--score", type=Path, nargs="*", default=[], metavar="FOLDER", help="pictures to score it on")
    add_weights_scale(p)
    return p


def stated_scale(values: list[float] | None) -> Standardisation | None:
    """What ``--weights-scale`` says. Raises WeightsError for a scale that is none."""
    if values is None:
        return None
    mean, std = values
    if not (math.isfinite(mean) and 0 < std < math.inf):
        raise WeightsError(f"--weights-scale {mean:g} {std:g}: expected a mean, and a deviation above 0")
    return Standardisation(mean, std)


@command
def main(argv: list[str] | None = None) -> int:
    """0 if the weights were imported, 1 if a picture could not be scored with them, 2 if not imported."""
    arguments = parser().parse_args(argv)
    found = re.search(r"(?:_x(\d+)|_(\d+)x)\.", arguments.file.name)
    scale = arguments.scale or (int(found[1] or found[2]) if found else None)
    try:
        weights = read_weights(arguments.file, stated_scale(arguments.weights_scale))
        if scale is None or not 2 <= scale <= MOST_SCALE:
            raise WeightsError(f"{arguments.file.name} does not say its scale, 2 to {MOST_SCALE}; add --scale")
        out = arguments.out or Path(arguments.file.stem + ".pt")
        if refusal := refuse_to_replace(out, arguments.overwrite, arguments.file, *arguments.score):
            raise WeightsError(refusal)
    except WeightsError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    if weights.assumed:
        print(f"note: {weights.assumed}")
    checkpoint = as_checkpoint(weights, scale)
    checkpoint.save(out)
    count = sum(value.numel() for value in weights.state.values())
    print(f"{weights.name}, x{scale}, {count} weights and biases -> {out}")
    print(f"use it: python -m jobs.restore --model {out} --upsample {scale} --out restored PICTURES")
    from srcnn.checkpoint import CheckpointError

    left_out = []
    try:
        for folder in arguments.score:
            left_out += _print_score(checkpoint, folder)
    except (CheckpointError, FloatingPointError) as error:
        print(f"error: {arguments.file}: {error}", file=sys.stderr)
        return 2
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    return int(bool(left_out))


def as_checkpoint(weights: Weights, scale: int) -> "Checkpoint":
    """The weights as a checkpoint of a network that enlarges ``scale`` times."""
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


def _print_score(checkpoint: Any, folder: Path) -> list[str]:
    """Print what the network reaches on a folder's pictures; why some of them are left out."""
    from srcnn.files import PICTURE_SUFFIXES, PictureError, is_grey_file, read_picture
    from srcnn.monitor import MonitoredPicture, mean_scores

    pictures, left_out = [], []
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES):
        try:
            picture = read_picture(file)
            pictures.append(MonitoredPicture(folder.name, picture, checkpoint.data, is_grey_file(file)))
        except PictureError as error:
            left_out.append(str(error))
        except ValueError as error:  # fewer pixels than the scale
            left_out.append(f"{file}: cannot be scored ({error})")
    if not pictures:
        left_out.append(f"{folder}: holds no picture that can be scored")
    for name, values in mean_scores(checkpoint.build(), pictures, checkpoint.standardisation).items():
        print(
            f"{name}: PSNR {values['psnr']:.2f} dB (bicubic {values['bicubic_psnr']:.2f}), "
            f"SSIM {values['ssim']:.4f} (bicubic {values['bicubic_ssim']:.4f}), {len(pictures)} pictures"
        )
    return left_out


if __name__ == "__main__":
    sys.exit(main())
