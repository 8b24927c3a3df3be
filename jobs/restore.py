"""``python -m jobs.restore``: anyone's pictures through a trained network."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from srcnn.bounds import within
from srcnn.called import called
from srcnn.door import Refused, command, sentence
from srcnn.models.scale_option import add_weights_scale
from srcnn.output import refuse_to_replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from srcnn.clips import Bytes


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = argparse.ArgumentParser(
        prog=called("jobs.restore"), description="Restore pictures, or a clip, with a trained model."
    )
    p.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURE_OR_DIR", help="pictures and folders of them, or one clip"
    )
    p.add_argument(
        "--model",
        required=True,
        action="append",
        help="a run's folder (its best checkpoint is taken), a checkpoint, or weights; where it is a network of your "
        "own, also --model package.module:Class, for that runs its code",
    )
    p.add_argument(
        "--out",
        required=True,
        type=Path,
        help="folder for the restored pictures, as PNG; for a clip the file to write (.avi and .mkv without loss, "
        ".mp4, .m4v and .mov as MPEG-4)",
    )
    p.add_argument(
        "--overwrite", action="store_true", help="replace what is in --out, but never what is to be restored"
    )
    p.add_argument(
        "--upsample",
        type=within(int, 1, 16),
        metavar="K",
        help="enlarge each picture K times; without it, a network that is fed the interpolated picture takes pictures "
        "as enlarged already, and one that is fed the small picture enlarges by its own scale",
    )
    add_weights_scale(p)
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if every picture was restored, 1 if some were not, 2 if nothing could be begun."""
    arguments = parser().parse_args(argv)

    from jobs.checkpoint import CheckpointError
    from jobs.names import by_name
    from jobs.pictures import passed_over
    from jobs.restoring import (
        checkpoint_file,
        checkpoint_of,
        named_by_place,
        named_model,
        own_code_notes,
        require_factor,
        restore_picture,
    )
    from jobs.restoring_clip import only_clip
    from srcnn.files import PictureError, is_grey_file, make_folder, read_picture, write_picture

    try:
        place, own = named_model(arguments.model)
        checkpoint = checkpoint_of(checkpoint_file(place), arguments)
        clip = only_clip(arguments.pictures, arguments.out)
        named_by = {} if clip else named_by_place(arguments.pictures)
        files = list(by_name(named_by).values())
        for note in own_code_notes(checkpoint, own):
            print(f"note: {note}", file=sys.stderr)
        model = checkpoint.build(own)
        factor = require_factor(arguments.upsample, model)
    except CheckpointError as error:
        raise Refused(f"{place}: {error}") from error
    except (ValueError, FileNotFoundError) as error:
        raise Refused(error) from error
    if model.scale == 1 and arguments.upsample and arguments.upsample != checkpoint.data.scale:
        print(f"note: the model was trained for scale {checkpoint.data.scale}, not {arguments.upsample}")

    if clip:
        return _restore_clip(clip, arguments, lambda frame: restore_picture(frame, False, checkpoint, model, factor))
    make_folder(arguments.out)
    for note in (note for source in arguments.pictures for note in passed_over(str(source.absolute()))):
        print(f"note: {note}", file=sys.stderr)

    left_out = []
    inputs = [*files, checkpoint_file(place)]
    for number, file in enumerate(files, 1):
        target = arguments.out / named_by[file].with_suffix(".png")
        try:
            if refusal := refuse_to_replace(target, arguments.overwrite, *inputs):
                raise PictureError(f"{file}: {refusal}")
            write_picture(target, restore_picture(read_picture(file), is_grey_file(file), checkpoint, model, factor))
            print(f"{number}/{len(files)} {target}", flush=True)
        except PictureError as error:
            left_out.append(str(error))
        except (OSError, FloatingPointError) as error:
            left_out.append(f"{file}: {sentence(error)}")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    return int(bool(left_out))


def _restore_clip(clip: Path, arguments: argparse.Namespace, restore: "Callable[[Bytes], Bytes]") -> int:
    from rich.progress import track

    from jobs.restoring import checkpoint_file, named_model
    from jobs.restoring_clip import restore_clip
    from srcnn.files import PictureError, make_folder
    from srcnn.terminal import Terminal

    out: Path = arguments.out
    model = checkpoint_file(named_model(arguments.model)[0])
    if refusal := refuse_to_replace(out, arguments.overwrite, clip, model):
        raise Refused(refusal)
    make_folder(out.parent)
    try:
        facts, note = restore_clip(
            clip, out, restore, lambda frames, total: track(frames, "restoring", total=total, console=Terminal())
        )
    except PictureError as error:
        raise Refused(error, 1) from error
    if note:
        print(f"note: {note}", file=sys.stderr)
    print(f"{facts.frames} frames of {facts.width}x{facts.height} at {facts.rate:g} a second in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
