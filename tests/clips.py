"""Clips that tests write, and their frames."""

from pathlib import Path

import cv2
import numpy as np
from conftest import photograph

LOSSLESS = "FFV1"  # the frames come back in the same bits


def moving(count: int, seed: int = 1, height: int = 64, width: int = 80) -> list[np.ndarray]:
    """The frames of a camera that pans over a photograph, RGB."""
    scene = photograph(seed, height, width + 3 * count)
    return [np.ascontiguousarray(scene[:, 3 * number : 3 * number + width]) for number in range(count)]


def write_clip(path: Path, frames: list[np.ndarray], codec: str = LOSSLESS, rate: float = 25) -> Path:
    """A clip of these frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def cut_off(path: Path, share: float = 0.6) -> Path:
    """The clip without its end, as a copy that was interrupted leaves it."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path
