"""A clip through a trained network, frame by frame: what is written keeps its rate, its frames and its sound."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from srcnn.clips import Bytes, ClipFacts, clip_facts, count_frames, is_clip, quiet_cv2, read_frames
from srcnn.files import CLIP_SUFFIXES, PictureError, atomic_path, temporary_path
from srcnn.words import said

# By the suffix of what is written: FFV1 keeps every bit, MPEG-4 is what plays everywhere.
CODECS = {".avi": "FFV1", ".mkv": "FFV1", ".m4v": "mp4v", ".mov": "mp4v", ".mp4": "mp4v"}


def only_clip(sources: list[Path], out: Path) -> Path | None:
    """Return the clip that is to be restored; None if pictures are. Raises ValueError for what goes together badly."""
    clips = [source for source in sources if is_clip(source) and not source.is_dir()]
    if not clips:
        if is_clip(out) and not out.is_dir():
            kinds = ", ".join(sorted(CLIP_SUFFIXES))
            raise ValueError(f"--out {out} is a clip, and {sources[0]} is not one of a kind that is read ({kinds})")
        return None
    if not clips[0].exists():
        raise ValueError(f"{clips[0]}: no such file")
    if len(sources) > 1:
        raise ValueError(f"{clips[0]}: a clip is restored alone; name one clip, and its --out")
    if out.suffix.lower() not in CODECS:
        lossless, small = (
            ", ".join(name for name, codec in CODECS.items() if codec == wanted) for wanted in ("FFV1", "mp4v")
        )
        raise ValueError(
            f"--out {out}: a restored clip is written to a file named {lossless} (FFV1, without loss) or {small} "
            "(MPEG-4)"
        )
    return clips[0]


def restore_clip(
    clip: Path, out: Path, restore: Callable[[Bytes], Bytes], track: Callable[[Iterable[Bytes], int], Iterable[Bytes]]
) -> tuple[ClipFacts, str | None]:
    """Write a clip of restored frames; return what it is, and a note if its sound is left out.

    ``track`` shows how far the frames are. No more than a frame and what is made of it is in memory. Raises
    PictureError, before anything is restored where a frame of the clip cannot be decoded.
    """
    frames, rate = count_frames(clip), clip_facts(clip).rate
    if rate <= 0:
        raise PictureError(f"{clip}: does not state how many frames a second it has")

    def restored() -> Iterator[Bytes]:
        for number, frame in enumerate(track(read_frames(clip), frames), 1):
            try:
                yield restore(frame)
            except FloatingPointError as error:
                raise PictureError(f"{clip}, frame {number}: {said(error)}") from error

    with atomic_path(out) as silent:
        write_clip(silent, restored(), rate)
        _require_whole(silent, out, frames)
        note = _add_sound(silent, clip)
        _require_whole(silent, out, frames)
        return replace(clip_facts(silent), frames=frames), note


def write_clip(path: Path, frames: Iterable[Bytes], rate: float) -> None:
    """Write frames (H, W, 3), RGB, as a clip, each as it comes, by the codec of the path's suffix.

    Raises PictureError for a size that cannot be written.
    """
    cv2 = quiet_cv2()
    codec, writer = CODECS[path.suffix.lower()], None
    try:
        for frame in frames:
            if writer is None:
                height, width = frame.shape[:2]
                if height % 2 or width % 2:
                    raise PictureError(
                        f"frames of {width}x{height} cannot be written: OpenCV writes clips of even width and height; "
                        "choose another --upsample, or cut the clip"
                    )
                writer = cv2.VideoWriter(
                    str(path.absolute()), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), rate, (width, height)
                )
                if not writer.isOpened():
                    raise PictureError(
                        f"OpenCV cannot write {width}x{height} at {rate:g} frames a second by {codec} into "
                        f"{path.suffix}; try {' or '.join(name for name in CODECS if CODECS[name] != codec)}"
                    )
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        if writer is not None:
            writer.release()


def _require_whole(file: Path, out: Path, frames: int) -> None:
    """Raise PictureError unless all frames can be read again: the writer does not say what it could not write."""
    try:
        written = count_frames(file)
    except PictureError:
        written = 0
    if written != frames:
        raise PictureError(f"{out}: not all of its {frames} frames could be written; is the disk full?")


def _add_sound(silent: Path, clip: Path) -> str | None:
    """Put the sound of a clip beside the frames of another, which ffmpeg copies; return why not if it cannot."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return f"ffmpeg is not installed: the sound of {clip}, if it has any, is left out"
    both, reason = temporary_path(silent), ""
    streams = ["-i", str(silent.absolute()), "-i", str(clip.absolute()), "-map", "0:v", "-map", "1:a?"]
    try:
        for sound in (["-c:a", "copy"], []):  # a kind of sound that the container does not take is encoded anew
            command = [ffmpeg, "-nostdin", "-v", "error", "-y", *streams, "-c:v", "copy", *sound, str(both.absolute())]
            ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            if ended.returncode == 0:
                both.replace(silent)
                return None
            reason = (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]
    finally:
        both.unlink(missing_ok=True)
    return f"the sound of {clip} is left out: ffmpeg: {reason}"
