"""The import of weights as a checkpoint for ``jobs.restore``, and their scores: ``published``, its arguments read."""

import argparse
import re
import sys
from pathlib import Path

from srcnn.checkpoint import Checkpoint, CheckpointError
from srcnn.door import Refused
from srcnn.files import PICTURE_SUFFIXES, PictureError, is_grey_file, read_picture
from srcnn.models.scale_option import MOST_SCALE
from srcnn.models.weights import WeightsError, as_checkpoint, read_weights, stated_scale
from srcnn.monitor import MonitoredPicture, mean_scores
from srcnn.output import refuse_to_replace


def import_weights(arguments: argparse.Namespace) -> int:
    """Write the checkpoint and print its scores; return 0, 1 if a picture was left out, 2 if nothing was imported."""
    in_name = re.search(r"(?:_x(\d+)|_(\d+)x)\.", arguments.file.name)
    scale = arguments.scale or (int(in_name[1] or in_name[2]) if in_name else None)
    try:
        weights = read_weights(arguments.file, stated_scale(arguments.weights_scale))
        if scale is None or not 2 <= scale <= MOST_SCALE:
            raise WeightsError(f"{arguments.file.name} does not say its scale, 2 to {MOST_SCALE}; add --scale")
        out = arguments.out or Path(arguments.file.stem + ".pt")
        if refusal := refuse_to_replace(out, arguments.overwrite, arguments.file, *arguments.score):
            raise WeightsError(refusal)
    except WeightsError as error:
        raise Refused(error) from error
    if weights.assumed:
        print(f"note: {weights.assumed}")
    checkpoint = as_checkpoint(weights, scale)
    checkpoint.save(out)
    count = sum(value.numel() for value in weights.state.values())
    print(f"{weights.name}, x{scale}, {count} weights and biases -> {out}")
    print(f"use it: python -m jobs.restore --model {out} --upsample {scale} --out restored PICTURES")
    left_out = []
    try:
        for folder in arguments.score:
            left_out += _print_score(checkpoint, folder)
    except (CheckpointError, FloatingPointError) as error:
        raise Refused(f"{arguments.file}: {error}") from error
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    return int(bool(left_out))


def _print_score(checkpoint: Checkpoint, folder: Path) -> list[str]:
    """Print what the network reaches on a folder's pictures; return why some of them are left out."""
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
