"""``python -m jobs.restore``: anyone's pictures through a trained network."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import command, sentence
from srcnn.models.foreign import add_weights_scale
from srcnn.output import refuse_to_replace
from srcnn.paths import RunPaths

if TYPE_CHECKING:
    from jobs.checkpoint import Checkpoint
    from srcnn.models.srcnn import SRCNN
    from srcnn.views import Bytes


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog=called("jobs.restore"), description="Restore pictures with a trained model.")
    p.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE_OR_DIR")
    p.add_argument(
        "--model",
        required=True,
        action="append",
        help="a run's folder (its best checkpoint is taken), a checkpoint, or weights; where it is a network of your "
        "own, also --model package.module:Class, for that runs its code",
    )
    p.add_argument("--out", required=True, type=Path, help="folder for the restored pictures, as PNG")
    p.add_argument("--overwrite", action="store_true", help="replace what is in --out, but never a picture to restore")
    p.add_argument(
        "--upsample",
        type=within(int, 1, 16),
        metavar="K",
        help="enlarge each picture K times first; without it, pictures are taken as enlarged already",
    )
    add_weights_scale(p)
    return p


def said_models(models: list[str]) -> tuple[Path, str | None]:
    """The file or folder that ``--model`` names, and the class of one's own that may be imported for it.

    Raises ValueError.
    """
    from srcnn.models import is_own_model

    own = [name for name in models if is_own_model(name) and not os.path.lexists(name)]
    files = [name for name in models if name not in own]
    if len(files) != 1 or len(own) > 1:
        raise ValueError("--model: expected one file or folder, and at most one package.module:Class of your own")
    return Path(files[0]), own[0] if own else None


def checkpoint_file(model: Path) -> Path:
    """The checkpoint that ``--model`` means. Raises FileNotFoundError."""
    if model.is_dir():
        for file in (RunPaths(model).best, RunPaths(model).last):
            if file.exists():
                return file
        raise FileNotFoundError(f"{model}: holds no checkpoints/best.pt or last.pt; is it the folder of a run?")
    if not model.exists():
        raise FileNotFoundError(f"{model}: no such checkpoint or run")
    return model


@command
def main(argv: list[str] | None = None) -> int:
    """0 if every picture was restored, 1 if some were not, 2 if nothing could be begun."""
    arguments = parser().parse_args(argv)

    from jobs.checkpoint import CheckpointError
    from jobs.names import by_name
    from jobs.pictures import passed_over
    from srcnn.files import PictureError, is_grey_file, make_folder, read_picture, write_picture

    try:
        place, own = said_models(arguments.model)
        checkpoint = _checkpoint(checkpoint_file(place), arguments)
        named_by = _named_by(arguments.pictures)
        files = list(by_name(named_by).values())
        for note in _own_code_notes(checkpoint, own):
            print(f"note: {note}", file=sys.stderr)
        model = checkpoint.build(own)
    except CheckpointError as error:
        print(f"error: {place}: {error}", file=sys.stderr)
        return 2
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    if arguments.upsample and arguments.upsample != checkpoint.data.scale:
        print(f"note: the model was trained for scale {checkpoint.data.scale}, not {arguments.upsample}")

    make_folder(arguments.out)
    for note in (note for each in arguments.pictures for note in passed_over(str(each.absolute()))):
        print(f"note: {note}", file=sys.stderr)

    left_out = []
    inputs = [*files, checkpoint_file(place)]
    for number, file in enumerate(files, 1):
        target = arguments.out / named_by[file].with_suffix(".png")
        try:
            if refusal := refuse_to_replace(target, arguments.overwrite, *inputs):
                raise PictureError(f"{file}: {refusal}")
            write_picture(
                target, _restored(read_picture(file), is_grey_file(file), checkpoint, model, arguments.upsample or 1)
            )
            print(f"{number}/{len(files)} {target}", flush=True)
        except PictureError as error:
            left_out.append(str(error))
        except (OSError, FloatingPointError) as error:
            left_out.append(f"{file}: {sentence(error)}")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    return int(bool(left_out))


def _checkpoint(file: Path, arguments: argparse.Namespace) -> "Checkpoint":
    """A checkpoint of ours, or somebody else's weights as one. Raises WeightsError."""
    from jobs.checkpoint import Checkpoint, CheckpointError
    from srcnn.models.published import as_checkpoint, read_weights, stated_scale

    stated = stated_scale(arguments.weights_scale)
    if stated is None:  # a checkpoint of ours says it itself
        with suppress(CheckpointError):
            return Checkpoint.load(file)
    weights = read_weights(file, stated)
    if weights.assumed:
        print(f"note: {weights.assumed}")
    return as_checkpoint(weights, max(arguments.upsample or 2, 2))


def _own_code_notes(checkpoint: "Checkpoint", own: str | None) -> list[str]:
    """What the class of one's own did when it was imported by another process. Raises OwnCodeError.

    So it can neither end this command nor keep it waiting for ever.
    """
    from jobs.own_check import Subject, check_own_code

    stated = checkpoint.model_config
    if own is None or stated.get("name") != own:
        return []
    return check_own_code([Subject("model", own, bool(stated.get("residual", True)), checkpoint.data.patch_size)])


def _named_by(pictures: list[Path]) -> dict[Path, PurePath]:
    """The files to restore, and what each is named by in ``--out``: its path below a folder, else its own name."""
    from jobs.pictures import find_files
    from srcnn.paths import RootPaths

    named_by: dict[Path, PurePath] = {}
    for each in pictures:
        place = each.absolute()
        for file in find_files(str(place), RootPaths(Path()), None):
            named_by.setdefault(file, file.relative_to(place) if place.is_dir() else PurePath(file.name))
    return named_by


def _restored(picture: "Bytes", grey: bool, checkpoint: "Checkpoint", model: "SRCNN", factor: int) -> "Bytes":
    from srcnn.color import own_standard, rgb_to_ycbcr
    from srcnn.deprocess import deprocess
    from srcnn.inference import restore_luma
    from srcnn.resize import resize

    standard = own_standard(checkpoint.data.luma, grey)
    bands = rgb_to_ycbcr(picture, standard)
    if factor > 1:
        bands = resize(bands, picture.shape[0] * factor, picture.shape[1] * factor)
    return deprocess(restore_luma(model, bands[..., 0], checkpoint.standardisation), bands, standard)


if __name__ == "__main__":
    sys.exit(main())
