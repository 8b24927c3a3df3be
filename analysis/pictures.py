"""The pictures behind the scores, cut and enlarged as they were scored, ready to stand in a page."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.study import RunResults, StudyResults
from srcnn.clips import read_pixels
from srcnn.damage import Identity, identity
from srcnn.experiment import DataConfig
from srcnn.files import PictureError, read_text
from srcnn.patches import Box
from srcnn.paths import RootPaths, view_folder
from srcnn.picture_list import ListedPicture, read_list
from srcnn.rendered import picture_file
from srcnn.upsample import UPSAMPLERS
from srcnn.views import low_resolution_picture, reduced, reference
from srcnn.yaml_text import read_yaml

Bytes = NDArray[np.uint8]
LARGEST = 192  # pixels of a picture on the page, each way: more would swell the file
WIPED = (320, 240)  # width and height of a part in which two pictures are wiped


@dataclass(frozen=True)
class Album:
    """The originals, interpolated inputs and restored pictures of a study; None where one is gone."""

    study: StudyResults

    def original(self, run: RunResults, set_name: str, image: str, zoom: int = 1) -> Bytes | None:
        """Return the reference picture as it was scored."""
        place = listed(self.study, set_name).get(image)
        data = data_config(self.study, run)
        if place is None or data is None:
            return None
        try:
            return reference(_pixels(place), data, zoom)
        except (PictureError, ValueError):
            return None

    def interpolated(self, run: RunResults, set_name: str, image: str) -> Bytes | None:
        """Return the degraded and interpolated picture, before the network."""
        return self._rendered(self.study.paths.baseline(run.degradation_id), set_name, "full", image)

    def low_resolution(self, run: RunResults, set_name: str, image: str, zoom: int = 1) -> Bytes | None:
        """Return the small picture that a method is given to restore, here from the original at 1/zoom size."""
        place, data = listed(self.study, set_name).get(image), data_config(self.study, run)
        if place is None or data is None:
            return None
        try:
            return low_resolution_picture(reduced(_pixels(place), data, zoom), data, place["grey"])
        except (PictureError, ValueError):
            return None

    def restored(self, run: RunResults, epoch: int, set_name: str, image: str, view: str = "full") -> Bytes | None:
        """Return the network's picture at an epoch; view ``zoom_<k>`` is the one at 1/k size."""
        group = self.study.sets[set_name]["group"]
        base = self.study.paths.run(run.run_id).rendered_epoch(group, epoch)
        if self.study.restore and not picture_file(view_folder(base, set_name, view), image).exists():
            self.study.restore(run.run_id, epoch, set_name, image)
        return self._rendered(base, set_name, view, image)

    def enlarged(
        self, run: RunResults, epoch: int, set_name: str, image: str, box: Box, zoom: int, upsampler: str
    ) -> Bytes | None:
        """Return a region as ``compound`` scores it: restored at 1/zoom size, then enlarged."""
        small = self.restored(run, epoch, set_name, image, f"zoom_{zoom}")
        if small is None or upsampler not in UPSAMPLERS:
            return None
        cut = Box(*(side // zoom for side in box)).cut(small)
        return UPSAMPLERS[upsampler](np.ascontiguousarray(cut), box.height, box.width)

    def enlarged_directly(
        self, run: RunResults, set_name: str, image: str, box: Box, zoom: int, upsampler: str
    ) -> Bytes | None:
        """Return the same region from the low-resolution pixels alone, as the baseline of ``compound``."""
        place, data = listed(self.study, set_name).get(image), data_config(self.study, run)
        if place is None or data is None or upsampler not in UPSAMPLERS:
            return None
        try:
            original = _pixels(place)
            full = reference(original, data, zoom)
            lr = low_resolution_picture(reduced(original, data, zoom), data)
        except (PictureError, ValueError):
            return None
        return box.cut(UPSAMPLERS[upsampler](lr, full.shape[0], full.shape[1]))

    def _rendered(self, base: Path, set_name: str, view: str, image: str) -> Bytes | None:
        try:
            return _read(str(picture_file(view_folder(base, set_name, view), image)))
        except PictureError:
            return None


@lru_cache(maxsize=24)
def _read(path: str, frame: int | None = None) -> Bytes:
    return read_pixels(Path(path), frame)


def _pixels(picture: ListedPicture) -> Bytes:
    return _read(picture["path"], picture["frame"])


@lru_cache(maxsize=64)
def _listed(root: RootPaths, set_id: str, _seen: Identity | None) -> dict[str, ListedPicture]:
    return {picture["name"]: picture for picture in read_list(root, set_id) or ()}


def listed(study: StudyResults, set_name: str) -> dict[str, ListedPicture]:
    """Return the pictures of a set by their names, as last submitted; none if there is no such list."""
    root, set_id = study.paths.root, study.sets[set_name]["set_id"]
    return _listed(root, set_id, identity(root.pictures(set_id)))


def data_config(study: StudyResults, run: RunResults) -> DataConfig | None:
    """Return the section ``data`` of a run's configuration; None if that is gone."""
    config = study.paths.run(run.run_id).config
    return _data_config(config, identity(config))


@lru_cache(maxsize=64)
def _data_config(config: Path, _seen: Identity | None) -> DataConfig | None:
    try:
        return DataConfig.model_validate(read_yaml(read_text(config))["data"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def shown_part(box: Box, largest: int = LARGEST) -> Box:
    """Return the middle of a box, no larger than may be shown."""
    width, height = min(box.width, largest), min(box.height, largest)
    return Box(box.x + (box.width - width) // 2, box.y + (box.height - height) // 2, width, height)


def most_mended(original: Bytes, before: Bytes, after: Bytes, shape: tuple[int, int] = WIPED) -> Box:
    """Return the box of this shape, or of as much as pictures (H, W, ...) have, in which squared errors fell most."""
    height, width = original.shape[:2]
    w, h = min(width, shape[0]), min(height, shape[1])
    error_before, error_after = ((picture.astype(float) - original) ** 2 for picture in (before, after))
    fell = (error_before - error_after).reshape(height, width, -1).sum(axis=2)
    sums = np.pad(fell.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    of_box = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    y, x = np.unravel_index(of_box.argmax(), of_box.shape)
    return Box(int(x), int(y), w, h)


def widened(box: Box, width: int, height: int, shape: tuple[int, int] = WIPED) -> Box:
    """Return the box of this shape round the middle of another, or as much of it as a picture of this size has."""
    w, h = min(width, shape[0]), min(height, shape[1])
    x, y = box.x + (box.width - w) // 2, box.y + (box.height - h) // 2
    return Box(min(max(0, x), width - w), min(max(0, y), height - h), w, h)


def inside(part: Box, box: Box) -> Box:
    """Return ``part`` in the coordinates of ``box``."""
    return Box(part.x - box.x, part.y - box.y, part.width, part.height)


def data_uri(picture: Bytes) -> str:
    """Return the picture as a PNG that stands inside a page."""
    buffer = io.BytesIO()
    # Level 4 is 2% larger than 6, in a third of the time.
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=4)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class Backdrop(NamedTuple):
    """A picture in pale grey as a data URI, its size, and the factor by which it was reduced."""

    source: str
    width: int
    height: int
    factor: float


def backdrop(picture: Bytes, widest: int = 520) -> Backdrop:
    """Return the picture as a backdrop of at most ``widest`` pixels."""
    grey = Image.fromarray(picture).convert("L")
    factor = min(1.0, widest / grey.width)
    if factor < 1:
        grey = grey.resize((round(grey.width * factor), round(grey.height * factor)), Image.Resampling.LANCZOS)
    # 32 greys suffice below a heat map and halve the file.
    return Backdrop(data_uri((np.asarray(grey) // 8 * 8).astype(np.uint8)), *grey.size, factor)
