"""Anyone's pictures through a trained network: what the command line asks for, and one picture restored."""

import argparse
import os
from contextlib import suppress
from pathlib import Path, PurePath

from jobs.checkpoint import Checkpoint, CheckpointError
from jobs.own_check import check_own_code, own_model
from jobs.pictures import find_files
from srcnn.color import own_standard, rgb_to_ycbcr
from srcnn.deprocess import deprocess
from srcnn.experiment import ModelConfig
from srcnn.inference import restore
from srcnn.models import is_own_model
from srcnn.models.network import Network
from srcnn.models.weights import as_checkpoint, read_weights, stated_scale
from srcnn.paths import RootPaths, RunPaths
from srcnn.views import Bytes, Degraded


def named_model(models: list[str]) -> tuple[Path, str | None]:
    """Return the file or folder that ``--model`` names, and the user's own class that may be imported for it.

    Raises ValueError.
    """
    own = [name for name in models if is_own_model(name) and not os.path.lexists(name)]
    files = [name for name in models if name not in own]
    if len(files) != 1 or len(own) > 1:
        raise ValueError("--model: expected one file or folder, and at most one package.module:Class of your own")
    return Path(files[0]), own[0] if own else None


def checkpoint_file(model: Path) -> Path:
    """Return the checkpoint that ``--model`` means. Raises FileNotFoundError."""
    if model.is_dir():
        for file in (RunPaths(model).best, RunPaths(model).last):
            if file.exists():
                return file
        raise FileNotFoundError(f"{model}: holds no checkpoints/best.pt or last.pt; is it the folder of a run?")
    if not model.exists():
        raise FileNotFoundError(f"{model}: no such checkpoint or run")
    return model


def checkpoint_of(file: Path, arguments: argparse.Namespace) -> Checkpoint:
    """Return a checkpoint of ours, or somebody else's weights as one. Raises WeightsError."""
    stated = stated_scale(arguments.weights_scale)
    if stated is None:  # a checkpoint of ours holds its scale
        with suppress(CheckpointError):
            return Checkpoint.load(file)
    weights = read_weights(file, stated)
    if weights.assumed:
        print(f"note: {weights.assumed}")
    return as_checkpoint(weights, max(arguments.upsample or 2, 2))


def own_code_notes(checkpoint: Checkpoint, own: str | None) -> list[str]:
    """Return notes on what the user's own class did when another process imported it. Raises OwnCodeError.

    Imported there first, it can neither end this command nor keep it waiting for ever.
    """
    stated = checkpoint.model_config
    if own is None or stated.get("name") != own:
        return []
    return check_own_code([own_model(ModelConfig(**stated), checkpoint.data)]).notes


def named_by_place(pictures: list[Path]) -> dict[Path, PurePath]:
    """Return the files to restore, with the path that names each in ``--out``: that below a folder, else its name."""
    named_by: dict[Path, PurePath] = {}
    for source in pictures:
        place = source.absolute()
        for file in find_files(str(place), RootPaths(Path()), None):
            named_by.setdefault(file, file.relative_to(place) if place.is_dir() else PurePath(file.name))
    return named_by


def require_factor(upsample: int | None, model: Network) -> int:
    """Return how many times pictures are enlarged. Raises ValueError for a factor that the network has not."""
    if model.scale == 1:
        return upsample or 1
    if upsample not in (None, model.scale):
        raise ValueError(
            f"--upsample {upsample}: this network is fed the small picture and enlarges it {model.scale} times, and by "
            f"nothing else; say --upsample {model.scale}, or nothing"
        )
    return model.scale


def restore_picture(picture: Bytes, grey: bool, checkpoint: Checkpoint, model: Network, factor: int) -> Bytes:
    """Return a picture (height, width, 3), enlarged ``factor`` times and restored."""
    standard = own_standard(checkpoint.data.luma, grey)
    size = picture.shape[0] * factor, picture.shape[1] * factor
    given = Degraded(rgb_to_ycbcr(picture, standard), size, "matlab")
    return deprocess(restore(model, given, checkpoint.standardisation), given.interpolated, standard)
