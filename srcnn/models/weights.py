"""Weights that others published, or that we trained: read from their files, as a model's start or as they are."""

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srcnn.checkpoint import Checkpoint, CheckpointError
from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig, ModelConfig, faults
from srcnn.models import MODELS
from srcnn.models.foreign import LAYERS, ForeignError, digest, read_foreign
from srcnn.models.matlab import read_matlab
from srcnn.models.state import StateError, require_sound
from srcnn.regular import NotRegular, read_regular

# The report's network saw luma standardised by its 409 training pictures (its notebook's figures).
REPORT_SCALE = Standardisation(0.43398995682829317, 0.23199219136380714)
REPORT_WEIGHTS = "d216f296d83b7d9ddcaec5f127d9970370173544d0d8553c11a429771aba0bd2"  # the digest of its weights
RAW_SCALE = Standardisation(0.0, 1.0)


class WeightsError(ValueError):
    """The error of a file of weights that cannot be used: its name, and the reason."""


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
    """Return the weights in a file: one of the authors' MATLAB files, a checkpoint of ours, or anybody's state dict.

    ``scale`` is that of luma in the network's training where the file does not tell: plain [0, 1] if it is None.
    Raises WeightsError for a file that is missing or holds something else, or that tells another scale.
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
    try:
        state = read_matlab(content)
    except ForeignError as error:
        raise WeightsError(f"{path}: {error}") from error
    return Weights(_known_name(path, state), residual=False, state=state, scale=RAW_SCALE)


def _from_torch(path: Path, content: bytes, scale: Standardisation | None) -> Weights:
    try:
        checkpoint = Checkpoint.of(path, content)
    except CheckpointError:
        return _from_others(path, content, scale)
    try:
        model = ModelConfig(**checkpoint.model_config)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: what it says of its network cannot be read ({faults(error)})") from error
    try:
        if model.name in MODELS:  # a class of the user's own may keep other things
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
    """Return the network's name, which is its kernels. Raises WeightsError if MODELS has none of that name."""
    name = "-".join(str(state[f"{layer}.weight"].shape[-1]) for layer in LAYERS)
    if name not in MODELS:
        raise WeightsError(f"{path}: holds a network of kernels {name}; the known ones are {', '.join(MODELS)}")
    return name


def stated_scale(values: list[float] | None) -> Standardisation | None:
    """Return the scale that ``--weights-scale`` states; None without it. Raises WeightsError for an impossible one."""
    if values is None:
        return None
    mean, std = values
    if not (math.isfinite(mean) and 0 < std < math.inf):
        raise WeightsError(f"--weights-scale {mean:g} {std:g}: expected a mean, and a deviation above 0")
    return Standardisation(mean, std)


def as_checkpoint(weights: Weights, scale: int) -> Checkpoint:
    """Return the weights as a checkpoint of a network that enlarges ``scale`` times."""
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
