"""What files hold: the training file's names, the score table's columns, the records of attempts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from srcnn.metrics import METRICS, about

if TYPE_CHECKING:
    import pyarrow

# --- training patches, HDF5 -------------------------------------------------------------------
# Each data set is (N, patch_size, patch_size) luma in 0..255, uint8 or float32.
PATCH_DATASETS = ("train_input", "train_target", "holdout_input", "holdout_target")
# Attributes of the file: mean and std of train_input on [0, 1], parameters and sources as JSON.
MEAN, STD, PARAMETERS, SOURCES = "mean", "std", "parameters", "sources"
DIGEST = "sha256"  # of all that is read of it

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


def score_schema(metrics: Iterable[str] = ()) -> "pyarrow.Schema":
    """Columns of the score table: the key, then one float64 column a metric, with its unit and direction as metadata.

    All of METRICS have a column; so has each of the user's own that ``metrics`` names.

    One row is one comparison. run_id and epoch are null for what no network made, upsampler where
    nothing was enlarged, a metric where it is undefined or was not asked for. x, y, width and
    height are the patch in the reference picture's pixels.
    """
    import pyarrow as pa

    key = [pa.field(name, pa.int32() if name in INTEGER_COLUMNS else pa.string()) for name in KEY_COLUMNS]
    names = dict.fromkeys((*METRICS, *metrics))
    values = [pa.field(name, pa.float64(), metadata=about(name).to_metadata()) for name in names]
    return pa.schema(key + values)


# --- records, JSON ----------------------------------------------------------------------------
Outcome = Literal["running", "done", "failed", "interrupted"]


@dataclass
class Attempt:
    """One try at one task: what ``status`` and the report read.

    Times are seconds since the epoch. ``cause`` is the exception's type, ``message`` its text.
    ``done`` of ``total`` steps and ``note`` say how far it is; this attempt began at step ``first``, and
    ``seconds_left`` is what its own pace promises, None before its first step. ``cores``: how many it could use.
    ``job`` is the id of its scheduler's job, ``born`` tells its process from a later one of the same ``pid``,
    ``submission`` names the folder of the submission that sent it, ``device`` what it computed on, if it said so.
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
        """What ended it: the class of the error, and what that says, if it says anything."""
        return ": ".join(filter(None, (self.cause, self.message)))

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)
