"""The disk that a study will take, said before it starts."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.pictures import SetRef, load_set
from runner.plan import Plan, PlannedRun, Task
from srcnn.experiment import Experiment
from srcnn.paths import RootPaths
from srcnn.views import rendered_views

# Measured on restored photographs: PNG takes this share of the raw bytes.
PNG_SHARE = 0.55
RECORD_BYTES = 120  # of one epoch's history in a checkpoint, and for each monitored set
SET_BYTES = 90
OVERHEAD_BYTES = 8_000  # names, settings and the archive's own


@dataclass(frozen=True)
class Space:
    """Bytes that checkpoints, pictures and training patches will take."""

    checkpoints: int
    pictures: int
    patches: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.checkpoints + self.pictures + self.patches


def space_needed(plan: Plan, missing: Iterable[Task]) -> Space:
    """What the missing tasks will write, from the sizes of networks and pictures."""
    todo = {task.key for task in missing}
    checkpoints = pictures = 0
    prepared: dict[str, int] = {}
    baselines: dict[str, int] = {}
    for run in plan.runs:
        experiment = run.run.experiment
        paths = plan.paths.run(run.run_id)
        absent = [epoch for epoch in experiment.kept_epochs if not paths.checkpoint(epoch).exists()]
        if ("train", run.run_id) in todo:
            checkpoints += _checkpoint_bytes(experiment, absent, len(run.sets))
        once = _picture_bytes(experiment, run.sets, plan.paths.root)
        if ("render", run.run_id) in todo:
            unrendered = {
                e for e in experiment.kept_epochs for s in run.sets if not paths.rendered_epoch(s.group, e).exists()
            }
            pictures += once * len(unrendered)
        if ("baseline", run.degradation_id) in todo:
            baselines[run.degradation_id] = _baseline_bytes(experiment, run.sets, plan.paths.root)
        if run.data_id and ("prepare", run.data_id) in todo and run.data_id not in prepared:
            prepared[run.data_id] = _patch_bytes(experiment, run, plan.paths.root)
    return Space(checkpoints, pictures + sum(baselines.values()), sum(prepared.values()))


def space_text(plan: Plan, missing: Iterable[Task]) -> str:
    """The need in words, beside what is free; a warning where it does not fit."""
    need = space_needed(plan, missing)
    folder = plan.paths.folder
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = (
        f"space: about {size(need.total)} will be written (checkpoints {size(need.checkpoints)}, pictures "
        f"{size(need.pictures)}, training patches {size(need.patches)}); {size(free)} are free"
    )
    if need.total > free:
        text += "\nWARNING: that does not fit; keep fewer epochs (render.epochs), or choose another --root"
    return text


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def weight_count(name: str) -> int:
    """Weights and biases of a network."""
    from srcnn.models import MODELS

    if name in MODELS:  # named by their kernels, so torch is not needed
        first, middle, last = (int(kernel) ** 2 for kernel in name.split("-"))
        return 64 * first + 64 + 32 * 64 * middle + 32 + 32 * last + 1
    from srcnn.models import build_model

    return sum(parameter.numel() for parameter in build_model(name, residual=True, seed=0).parameters())


def _checkpoint_bytes(experiment: Experiment, absent: list[int], sets: int) -> int:
    epochs = experiment.training.epochs
    copies = 3 if experiment.training.optimiser == "adam" else 2  # weights and moments
    fixed = 4 * copies * weight_count(experiment.model.name) + OVERHEAD_BYTES
    record = RECORD_BYTES + SET_BYTES * sets
    always = min(experiment.keep.last, max(1, epochs)) + experiment.keep.best
    return sum(fixed + record * epoch for epoch in absent) + always * (fixed + record * epochs) + record * epochs


def _pixels(each: SetRef, root: RootPaths) -> int:
    return sum(picture.height * picture.width for picture in load_set(root, each.set_id).pictures)


def _picture_bytes(experiment: Experiment, sets: Iterable[SetRef], root: RootPaths) -> int:
    """Of one epoch: every view of every picture."""
    pixels = sum(_pixels(each, root) for each in sets)
    bands = sum(
        (1 if view == "luma" else 3) / zoom**2
        for zoom, views in rendered_views(experiment.evaluate).items()
        for view in views
    )
    return round(pixels * bands * PNG_SHARE)


def _baseline_bytes(experiment: Experiment, sets: Iterable[SetRef], root: RootPaths) -> int:
    views = rendered_views(experiment.evaluate)[1]
    pixels = sum(_pixels(each, root) for each in sets)
    return round(pixels * sum(1 if view == "luma" else 3 for view in views) * PNG_SHARE)


def _patch_bytes(experiment: Experiment, run: PlannedRun, root: RootPaths) -> int:
    data = experiment.data
    count = sum(
        max(0, (picture.height - data.patch_size) // data.stride + 1)
        * max(0, (picture.width - data.patch_size) // data.stride + 1)
        for picture in load_set(root, run.train_set).pictures
    )
    return count * 2 * data.patch_size**2 * (4 if data.dtype == "float32" else 1)
