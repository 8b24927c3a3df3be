"""Clips: the frames of a video file one after the other, as pictures, or a single one of them.

A clip is read from its start, frame by frame: where a decoder lands when it jumps depends on codec and container.
"""

import hashlib
import math
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srcnn.containers import container, is_cut
from srcnn.files import CLIP_SUFFIXES, PictureError, read_picture
from srcnn.regular import NotRegular, open_regular
from srcnn.words import said

Bytes = NDArray[np.uint8]
FRAME_DIGITS = 6  # as in ffmpeg's usual walk_%06d.png, which counts from 1, too
# What a file states as its length may be more than its frames take: empty ones of AVI, sound that outlasts them.
_SLACK_S = 1.0
_MORE_TRIES = 30  # to decode, after a failure: at the end of a file all fail


@dataclass(frozen=True)
class ClipFacts:
    """What a clip states: frames a second, pixels of a frame, how many frames there are."""

    rate: float
    width: int
    height: int
    frames: int


def is_clip(path: Path) -> bool:
    """Say whether a file is a clip, by its suffix."""
    return path.suffix.lower() in CLIP_SUFFIXES


def frame_name(clip: str, number: int) -> str:
    """Return the name of a clip's frame, which has no other name however long the clip is; the first is number 1."""
    return f"{clip}_{number:0{FRAME_DIGITS}d}"


def clip_of(frame: str) -> str:
    """Return the name of the clip of a frame of this name."""
    return frame.rpartition("_")[0]


def clip_facts(path: Path) -> ClipFacts:
    """Return what a clip states. Raises PictureError if it cannot be read."""
    with _opened(path) as reader:
        return reader.facts


def read_frames(path: Path) -> Iterator[Bytes]:
    """Give the frames of a clip as RGB (H, W, 3), uint8, upright; one at a time is in memory.

    Raises PictureError for a clip that cannot be read, and, at its place, for a frame that cannot be decoded.
    """
    with _opened(path) as reader:
        while (frame := reader.next()) is not None:
            yield frame


def count_frames(path: Path) -> int:
    """Return the number of frames of a clip; every one is decoded. Raises PictureError as ``read_frames`` does."""
    with _opened(path) as reader:
        while reader.skip():
            pass
        return reader.position


def clip_digest(path: Path) -> str:
    """Return the SHA-256 of a clip's bytes, taken once as long as its size and time stay. Raises PictureError."""
    stamp = _stamp(path)
    if stamp not in _digests_by_stamp:
        try:
            with open_regular(path) as file:
                _digests_by_stamp[stamp] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except OSError as error:
            raise PictureError(f"{path}: cannot be read ({said(error)})") from error
    return _digests_by_stamp[stamp]


_digests_by_stamp: dict[tuple[Any, ...] | None, str] = {}


def read_pixels(path: Path, frame: int | None) -> Bytes:
    """Return a picture file's pixels, or those of a clip's frame; the first is number 1. Raises PictureError."""
    return read_picture(path) if frame is None else _read_frame(path, frame)


def _read_frame(path: Path, number: int) -> Bytes:
    """Return one frame; the clip stays open, so that frames in rising order are decoded about once by each thread."""
    reader = _take_reader(path, number) or _Reader(path)
    try:
        while reader.position < number - 1 and reader.skip():
            pass
        frame = reader.next()
        if frame is None:
            raise PictureError(f"{path}: has {reader.position} frames, and no frame {number}")
    except PictureError:
        reader.close()
        raise
    _keep_reader(reader)
    return frame


_MOST_KEPT = 32  # clips that stay open: two of them compared, or one read by many threads
_kept: list["_Reader"] = []  # that was used last comes last
_keeping = threading.Lock()


def _take_reader(path: Path, number: int) -> "_Reader | None":
    """Return the open reader of a clip that has the shortest way to a frame, for this thread alone; None if none has.

    Those of a clip that was changed since are closed.
    """
    stamp = _stamp(path)
    with _keeping:
        for changed in [reader for reader in _kept if reader.path == path and reader.stamp != stamp]:
            _kept.remove(changed)
            changed.close()
        fit = [reader for reader in _kept if reader.stamp == stamp and reader.position < number]
        nearest = max(fit, key=lambda reader: reader.position, default=None)
        if nearest:
            _kept.remove(nearest)
        return nearest


def _keep_reader(reader: "_Reader") -> None:
    """Keep a reader open for a later frame, unless it read the last one."""
    with _keeping:
        if 0 < reader.facts.frames <= reader.position:
            reader.close()
            return
        _kept.append(reader)
        while len(_kept) > _MOST_KEPT:
            _kept.pop(0).close()


class _Reader:
    """An open clip; ``position`` is the number of the frame that was read last."""

    def __init__(self, path: Path) -> None:
        self.path, self.position, self.shown_s, self.stamp = path, 0, 0.0, _stamp(path)
        self.cut = _is_cut(path)
        self.cv2 = quiet_cv2()
        # One thread: work is spread over processes, and frames come in the same bits wherever they are decoded.
        settings = [self.cv2.CAP_PROP_N_THREADS, 1]
        name = str(path.absolute())  # never taken for the name of a protocol
        try:
            self.capture = self.cv2.VideoCapture(name, self.cv2.CAP_FFMPEG, settings)
        except UnicodeEncodeError as error:
            raise PictureError(f"{path}: its name is no UTF-8; rename it") from error
        if not self.capture.isOpened():
            raise PictureError(f"{path}: is broken, or of a codec that OpenCV's FFmpeg does not read; {_remedy(path)}")
        width, height, frames = (
            int(self._stated(name))
            for name in ("CAP_PROP_FRAME_WIDTH", "CAP_PROP_FRAME_HEIGHT", "CAP_PROP_FRAME_COUNT")
        )
        self.facts = ClipFacts(self._stated("CAP_PROP_FPS"), width, height, frames)
        if (bits := self._bits()) > 8:
            raise PictureError(
                f"{path}: has {bits} bits a band; convert it to 8 bits first: "
                f"ffmpeg -i {shlex.quote(path.name)} -pix_fmt yuv420p NEW{path.suffix}"
            )

    def next(self) -> Bytes | None:
        """Return the next frame; None at the end. Raises PictureError for a frame that cannot be decoded."""
        good, frame = self.capture.read()
        if not good:
            self._end()
            return None
        self._passed()
        picture: Bytes = self.cv2.cvtColor(frame, self.cv2.COLOR_BGR2RGB)
        return picture

    def skip(self) -> bool:
        """Decode the next frame without making a picture of it; return False at the end. Raises PictureError."""
        if not self.capture.grab():
            self._end()
            return False
        self._passed()
        return True

    def close(self) -> None:
        """Close the file."""
        self.capture.release()

    def _end(self) -> None:
        """Raise PictureError unless this is the end of the clip, and not a frame that cannot be decoded."""
        rate, stated = self.facts.rate, self.facts.frames
        lacking_s = stated / rate - self.shown_s - 1 / rate if rate > 0 else 0.0
        goes_on = any(self.capture.grab() for _ in range(_MORE_TRIES))
        if goes_on or self.cut or lacking_s > _SLACK_S or not self.position:
            cut = " (the file is cut)" if self.cut else ""
            raise PictureError(
                f"{self.path}: is broken: frame {self.position + 1} of {max(stated, 1)} cannot be decoded{cut}; "
                f"{_remedy(self.path)}"
            )

    def _passed(self) -> None:
        self.position += 1
        self.shown_s = float(self.capture.get(self.cv2.CAP_PROP_POS_MSEC)) / 1000

    def _stated(self, name: str) -> float:
        value = float(self.capture.get(getattr(self.cv2, name)))
        return value if math.isfinite(value) and value > 0 else 0.0

    def _bits(self) -> int:
        """Return the bits of a band, as FFmpeg's tags of planar formats tell them; 8 where they do not."""
        tag = int(self._stated("CAP_PROP_CODEC_PIXEL_FORMAT")).to_bytes(8, "little")
        return tag[3] if tag[:1] == b"Y" and tag[3] in (9, 10, 12, 14, 16) else 8


@contextmanager
def _opened(path: Path) -> Iterator[_Reader]:
    reader = _Reader(path)
    try:
        yield reader
    finally:
        reader.close()


def _is_cut(path: Path) -> bool:
    """Say whether a clip lacks its end. Raises PictureError for what is no clip."""
    try:
        with open_regular(path) as file:
            kind = container(file)
            # FFmpeg, left to guess, would take a playlist of any name, and follow it to other files.
            if kind is None:
                kinds = ", ".join(sorted(CLIP_SUFFIXES))
                raise PictureError(f"{path}: is not a clip of a kind that is read ({kinds})")
            return is_cut(file, kind)
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path}: is a folder, not a clip") from error
    except NotRegular as error:
        raise PictureError(str(error)) from error
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror})") from error


def _remedy(path: Path) -> str:
    again = f"ffmpeg -i {shlex.quote(path.name)} -c:v ffv1 NEW.mkv"
    return f"bring back the whole file, or make another of what can be read: {again}"


def _stamp(path: Path) -> tuple[Any, ...] | None:
    """Return what tells one state of a file from another, in this process."""
    try:
        status = path.stat()
    except OSError:
        return None
    return os.getpid(), str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def quiet_cv2() -> Any:
    """Return OpenCV, whose own lines on stderr are left out: what they tell, errors say in a sentence."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
