"""Estimates of how many bytes results take, before they are made."""

from collections.abc import Iterable, Mapping

from jobs.pictures import SetRef, load_set
from srcnn.experiment import Experiment
from srcnn.paths import RootPaths

# Measured on restored photographs: PNG takes this share of the raw bytes.
PNG_SHARE = 0.55
RECORD_BYTES = 120  # of one epoch's history in a checkpoint, and for each monitored set
SET_BYTES = 90
OVERHEAD_BYTES = 8_000  # names, settings and the archive's own


def picture_bytes(root: RootPaths, sets: Iterable[SetRef], views: Mapping[int, Iterable[str]]) -> int:
    """Return about how many bytes some views of all pictures take; ``views`` maps zooms to views at 1/zoom size."""
    pixels = sum(p.height * p.width for set_ref in sets for p in load_set(root, set_ref.set_id).pictures)
    bands = sum((1 if view == "luma" else 3) / zoom**2 for zoom, several in views.items() for view in several)
    return round(pixels * bands * PNG_SHARE)


def checkpoint_bytes(experiment: Experiment, weights: int, epochs: Iterable[int], sets: int) -> int:
    """Return about how many bytes the checkpoints of some epochs and the states beside them take.

    ``weights`` is how many numbers the network learns, ``sets`` how many sets are watched while training.
    """
    count = experiment.training.epochs
    copies = 3 if experiment.training.optimiser == "adam" else 2  # weights and moments
    fixed = 4 * copies * weights + OVERHEAD_BYTES
    record = RECORD_BYTES + SET_BYTES * sets
    always = min(experiment.keep.last, max(1, count)) + experiment.keep.best
    return sum(fixed + record * epoch for epoch in epochs) + always * (fixed + record * count) + record * count
