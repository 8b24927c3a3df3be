"""What files hold: the names in the training file and in the score table, the records of attempts."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

# --- training data, HDF5 ----------------------------------------------------------------------
# All pixels of all planes in a row, luma in 0..255, uint8 or float32: what the network is fed, and the originals.
Side = Literal["train", "holdout"]
INPUT, TARGET = "input", "target"
PICTURES = "pictures"  # (K, 3): the first pixel of each picture's input, that of its target, the width of its input
# (N, 3) each: a patch's picture, and its corner (y, x) in pixels of the input.
SIDES: tuple[Side, ...] = ("train", "holdout")
# Attributes of the file: mean and std of the training patches' inputs on [0, 1], parameters and sources as JSON.
MEAN, STD, PARAMETERS, SOURCES = "mean", "std", "parameters", "sources"
# The side of a patch in pixels of the input, and the pixels of the original per pixel of the input along a side.
SIZE, INPUT_SCALE = "patch_size", "input_scale"
DIGEST = "sha256"  # of all that is read of the file

# --- score table, Parquet ---------------------------------------------------------------------
METHODS = {
    "srcnn": "restored by the network",
    "bicubic": "the interpolated input, before the network",
    "direct": "the low-resolution pixels interpolated straight to the full size (compound only)",
}
KEY_COLUMNS = (
    "run_id",
    "epoch",
    "set",
    "image",
    "method",
    "protocol",
    "upsampler",
    "zoom",
    "definition",
    "x",
    "y",
    "width",
    "height",
)
INTEGER_COLUMNS = frozenset({"epoch", "zoom", "x", "y", "width", "height"})
TEXT_COLUMNS = tuple(name for name in KEY_COLUMNS if name not in INTEGER_COLUMNS)


# --- records, JSON ----------------------------------------------------------------------------
Outcome = Literal["running", "done", "failed", "interrupted"]


@dataclass
class Attempt:
    """One try at one task: what ``status`` and the report read.

    Times are seconds since 1970. ``cause`` is the exception's type, ``message`` its text. ``done`` of ``total`` steps
    and ``note`` say how far the attempt is; it began at step ``first``, and ``seconds_left`` is what its own pace
    promises, None before its first step. ``cores`` is how many it could use, ``job`` the id of its scheduler's job,
    ``submission`` the folder of the submission that sent it, ``device`` what it computed on, if it said so. ``born``
    tells its process from a later one of the same ``pid``.
    """

    stage: str
    task: str
    number: int
    host: str
    pid: int
    start: float
    log: str | None = None
    end: float | None = None
    outcome: Outcome = "running"
    cause: str | None = None
    message: str | None = None
    done: int = 0
    total: int = 0
    first: int = 0
    seconds_left: float | None = None
    note: str = ""
    cores: int | None = None
    job: str | None = None
    born: str | None = None
    submission: str | None = None
    device: str | None = None

    def fault(self) -> str:
        """Return what ended the attempt: the class of the error, and what that says, if it says anything."""
        return ": ".join(filter(None, (self.cause, self.message)))

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return asdict(self)
