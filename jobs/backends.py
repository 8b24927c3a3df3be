"""What computes the scores: the CPU kernels in processes, or torch in batches on a device. It is in no id.

Whatever the backend, a picture that cannot be scored costs its own rows, and rows come in the order of the pictures.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from jobs.gpus import GPUS_VARIABLE
from jobs.scoring import Prepare, Scores, in_parallel, rows_or_reason, score_picture
from srcnn.experiment import EvaluateConfig

# What a file of scores says of rows that the CPU kernels computed; of other rows it names the device.
CPU_KERNELS = "cpu kernels"


class Backend(Protocol):
    """A way to compute scores; ``name`` is what files of scores say of it, ``device`` what torch calls its device."""

    name: str
    device: str

    def score(
        self, prepare: Prepare, calls: Sequence[tuple[Any, ...]], evaluate: EvaluateConfig, workers: int | None
    ) -> Iterator[Scores | str]:
        """Give the scores of each call's picture, in order, or the reason why there are none.

        ``workers`` are the processes, or threads, that it takes; None: as many as the task has cores.
        """


class CpuKernels:
    """Scoring by the compiled kernels, a picture after the other in each of several processes."""

    name = CPU_KERNELS
    device = "cpu"

    def score(
        self, prepare: Prepare, calls: Sequence[tuple[Any, ...]], evaluate: EvaluateConfig, workers: int | None
    ) -> Iterator[Scores | str]:
        """Give the scores of each call's picture, in order, or the reason why there are none."""
        of_each = [(score_picture, prepare, call, evaluate) for call in calls]
        yield from in_parallel(rows_or_reason, of_each, workers, evaluate)


def backend_of(evaluate: EvaluateConfig, stage: str) -> Backend:
    """Return what computes the scores of a task of this stage, and record the device in the attempt if torch does.

    ``auto`` is torch where the task asked its runner for a GPU. Raises NoGpu where that is not there.
    """
    asked = os.environ.get(GPUS_VARIABLE, "0") not in ("", "0")
    if evaluate.backend == "cpu" or (evaluate.backend == "auto" and not asked):
        return CpuKernels()
    from jobs.batches import Batches  # torch, which scoring does without
    from jobs.device import task_device

    return Batches(task_device(stage=stage, setting="evaluate.backend"))
