"""Pictures that are trained on and scored, too, found by what they show."""

import base64
from collections.abc import Iterator

import numpy as np

from jobs.pictures import Picture, PictureSet

ROWS = 512  # training pictures that are compared at once


def find_leaks(train: PictureSet, evaluation: PictureSet) -> list[tuple[Picture, Picture]]:
    """Return the pairs (training picture, evaluation picture) that show the same photograph.

    Two pictures do if their pixels are equal, or if they have one shape and their thumbnails agree, as those of
    copies that were compressed or scaled again do. Crops and flips of a picture are not found. A clip leaks as a
    whole: of all its frames that show what another clip or picture shows, the first is given.
    """
    leaks: dict[tuple[str, str], tuple[Picture, Picture]] = {}
    for start in range(0, len(train.pictures), ROWS):  # thousands of frames by thousands fill no memory
        for a, b in _alike(train.pictures[start : start + ROWS], evaluation.pictures):
            leaks.setdefault((a.group, b.group), (a, b))
    return list(leaks.values())


def _alike(train: tuple[Picture, ...], evaluation: tuple[Picture, ...]) -> Iterator[tuple[Picture, Picture]]:
    if not evaluation:
        return
    thumbnails = [_thumbnails(pictures) for pictures in (train, evaluation)]
    centred = [t - t.mean(axis=1, keepdims=True) for t in thumbnails]
    norms = [np.linalg.norm(c, axis=1) for c in centred]
    correlation = (centred[0] @ centred[1].T) / np.maximum(np.outer(*norms), 1e-9)
    brightness = np.abs(thumbnails[0].mean(axis=1)[:, None] - thumbnails[1].mean(axis=1)[None])
    aspect = [np.log([p.width / p.height for p in pictures]) for pictures in (train, evaluation)]
    alike = (correlation > 0.995) & (brightness < 3) & (np.abs(aspect[0][:, None] - aspect[1][None]) < 0.02)
    digests = [np.array([p.digest for p in pictures]) for pictures in (train, evaluation)]
    equal = digests[0][:, None] == digests[1][None]
    # Clips begin and end in black: a frame of one colour shows nothing.
    shows = np.array([p.frame is None for p in train]) | (norms[0] > 0)
    yield from ((train[i], evaluation[j]) for i, j in np.argwhere((equal | alike) & shows[:, None]))


def _thumbnails(pictures: tuple[Picture, ...]) -> np.ndarray:
    return np.array([np.frombuffer(base64.b64decode(p.thumbnail), np.uint8) for p in pictures], dtype=np.float64)
