"""``python -m jobs.restore``: anyone's pictures through a trained network."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.door import command
from srcnn.paths import RunPaths

if TYPE_CHECKING:
    from jobs.checkpoint import Checkpoint
    from srcnn.models.srcnn import SRCNN
    from srcnn.views import Bytes


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m jobs.restore", description="Restore pictures with a trained model.")
    p.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE_OR_DIR")
    p.add_argument(
        "--model", required=True, type=Path, help="a run's folder (its best checkpoint is taken) or a checkpoint"
    )
    p.add_argument("--out", required=True, type=Path, help="folder for the restored pictures, as PNG")
    p.add_argument(
        "--upsample",
        type=int,
        metavar="K",
        help="enlarge each picture K times first; without it, pictures are taken as enlarged already",
    )
    return p


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
    if arguments.upsample is not None and not 1 <= arguments.upsample <= 16:
        print(f"error: --upsample {arguments.upsample}: expected 1 to 16", file=sys.stderr)
        return 2

    from jobs.checkpoint import Checkpoint, CheckpointError
    from jobs.pictures import MissingPictures, find_files
    from srcnn.files import PictureError, is_grey_file, read_picture, write_picture
    from srcnn.paths import RootPaths

    try:
        checkpoint = Checkpoint.load(checkpoint_file(arguments.model))
        files = [
            file for each in arguments.pictures for file in find_files(str(each.absolute()), RootPaths(Path()), None)
        ]
    except (CheckpointError, FileNotFoundError, MissingPictures) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.upsample and arguments.upsample != checkpoint.data.scale:
        print(f"note: the model was trained for scale {checkpoint.data.scale}, not {arguments.upsample}")

    model, left_out = checkpoint.build(), []
    written: dict[Path, Path] = {}
    for number, file in enumerate(files, 1):
        target = arguments.out / f"{file.stem}.png"
        try:
            if target in written:
                raise PictureError(f"{file}: {written[target]} was already written to {target}")
            if target.exists() and target.samefile(file):
                raise PictureError(f"{file}: would be overwritten; choose another --out")
            write_picture(
                target, _restored(read_picture(file), is_grey_file(file), checkpoint, model, arguments.upsample or 1)
            )
            written[target] = file
            print(f"{number}/{len(files)} {target}", flush=True)
        except PictureError as error:
            left_out.append(error)
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    return int(bool(left_out))


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
