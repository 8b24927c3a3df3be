"""The brightness and sharpness of pictures, which metrics do not tell."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.evidence import Evidence
from analysis.pictures import Album
from srcnn.color import luma
from srcnn.patches import Box, crop_grid

Value = TypeVar("Value")

SAMPLE = 4  # pictures of a set that are looked at
READS = 240  # pictures of the whole study: reading is what costs


def brightness_and_sharpness(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the mean luma of an RGB picture (H, W, 3), 0..255 (JPEG full range), and its gradient energy.

    That is the mean squared step of luma to the right plus that downwards, in squared levels.
    """
    values = luma(picture, "jpeg")
    steps = (np.diff(values, axis=axis) for axis in (1, 0))
    return float(values.mean()), float(sum(np.square(step).mean() for step in steps))


def over_epochs(evidence: Evidence) -> pd.DataFrame:
    """Return brightness and sharpness of restored, interpolated and original pictures, a few of each set.

    Columns set, variant (``original`` and ``bicubic`` besides the runs'), epoch, brightness,
    sharpness, pictures. One run stands for its variant; epochs are thinned in a large study.
    """
    album, study = Album(evidence.study), evidence.study
    variants = {name: runs[0] for name, runs in study.variants.items()}
    if not variants:
        return pd.DataFrame()
    epochs = max(1, READS // (len(variants) * max(1, len(study.sets)) * SAMPLE))
    rows = []
    for set_name in study.sets:
        for image in sample(evidence, set_name):
            first = next(iter(variants.values()))
            looks: list[tuple[str, int | None, NDArray[np.uint8] | None]] = [
                ("original", None, album.original(first, set_name, image))
            ]
            looks.append(("bicubic", None, album.interpolated(first, set_name, image)))
            for variant, run in variants.items():
                kept = thinned(run.epochs, epochs)
                looks += [(variant, epoch, album.restored(run, epoch, set_name, image)) for epoch in kept]
            rows += [
                (set_name, variant, epoch, image, *brightness_and_sharpness(picture))
                for variant, epoch, picture in looks
                if picture is not None
            ]
    frame = pd.DataFrame(rows, columns=["set", "variant", "epoch", "image", "brightness", "sharpness"])
    by = ["set", "variant", "epoch"]
    means = frame.groupby(by, dropna=False, sort=False)[["brightness", "sharpness"]].mean()
    return means.join(frame.groupby(by, dropna=False, sort=False).size().rename("pictures")).reset_index()


def before_and_after(evidence: Evidence) -> pd.DataFrame:
    """Return brightness and sharpness of the best run's regions before and after enlarging, and of the original's.

    A row for each set and step: ``original``, ``restored, before`` (at 1/zoom size), then each
    upsampler. The same regions at every step.
    """
    run, study = evidence.best_run, evidence.study
    if run is None or "compound" not in evidence.protocols:
        return pd.DataFrame()
    album, epoch = Album(study), evidence.last_epoch[run.run_id]
    zoom = int(run.settings["evaluate.zooms"][0])
    crop = tuple(run.settings["evaluate.crops"][0])
    rows = []
    for set_name in study.sets:
        for image in sample(evidence, set_name, 2):
            original = album.original(run, set_name, image, zoom)
            small = album.restored(run, epoch, set_name, image, f"zoom_{zoom}")
            if original is None or small is None:
                continue
            for box in crop_grid(original.shape[0], original.shape[1], *crop)[:6]:
                steps = {
                    "original": box.cut(original),
                    f"restored at 1/{zoom}, before": Box(*(side // zoom for side in box)).cut(small),
                }
                for upsampler in run.settings["evaluate.upsamplers"]:
                    enlarged = album.enlarged(run, epoch, set_name, image, box, zoom, upsampler)
                    if enlarged is not None:
                        steps[f"enlarged, {upsampler}"] = enlarged
                rows += [(set_name, step, *brightness_and_sharpness(p)) for step, p in steps.items()]
    frame = pd.DataFrame(rows, columns=["set", "step", "brightness", "sharpness"])
    return frame.groupby(["set", "step"], sort=False).mean().reset_index()


def sample(evidence: Evidence, set_name: str, count: int = SAMPLE) -> list[str]:
    """Return a few pictures of a set, evenly spaced in its list."""
    frame = evidence.pictures
    names = sorted(str(name) for name in frame.loc[frame["set"] == set_name, "image"].unique())
    return list(thinned(names, count))


def thinned(values: Sequence[Value], count: int) -> Sequence[Value]:
    """Return at most ``count`` of the values, evenly spaced, the first and the last among them."""
    if len(values) <= count:
        return values
    return [values[round(i)] for i in np.linspace(0, len(values) - 1, count)] if count > 1 else [values[-1]]
