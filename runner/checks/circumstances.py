"""What the doctor was asked about, and what several checks need to know of it."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.executors.slurm.partitions import Partition, listed_partitions
from runner.executors.slurm.scheduler import complaint

if TYPE_CHECKING:
    from runner.study.cluster import ClusterConfig
    from runner.study.config import StudyConfig, SweepPoint
    from runner.study.plan import Plan

# The words of SLURM's programs where they are installed and no cluster is.
_NO_CLUSTER = ("establish a configuration source", "process configuration file")


@dataclass
class Circumstances:
    """The study that the doctor is asked about, and where it would run.

    ``study`` is None if none is named, or if ``error`` says why it cannot be read. ``damage`` says what of an earlier
    submission cannot be read and will be written again.
    """

    root: Path
    study: "StudyConfig | None" = None
    error: str = ""
    damage: str = ""
    partition: str | None = None
    data_root: Path | None = None

    @cached_property
    def slurm(self) -> tuple[Literal["answers", "absent", "silent"], str]:
        """Whether a controller answers here, and what sinfo said if not."""
        words = complaint()
        if not words:
            return "answers", ""
        unset = any(sign in words for sign in _NO_CLUSTER) and "SLURM_CONF" not in os.environ
        absent = unset or "is not installed here" in words
        return "absent" if absent else "silent", words.splitlines()[-1]

    @property
    def uses_slurm(self) -> bool:
        """Whether a controller answers here."""
        return self.slurm[0] == "answers"

    @cached_property
    def partitions(self) -> dict[str, Partition]:
        """The partitions that there are, by name. Raises SchedulerError if no controller answers."""
        return listed_partitions()

    @cached_property
    def cluster(self) -> "ClusterConfig":
        """What the stages ask for: the study's, or the defaults; with --partition where GPUs are used."""
        from runner.study.cluster import ClusterConfig  # brings pydantic, which may be what is broken

        settings = self.study.cluster if self.study else ClusterConfig()
        return settings.with_gpu_partition(self.partition) if self.partition else settings

    @cached_property
    def runs(self) -> "list[SweepPoint]":
        """The study's runs. Only for a study that could be read."""
        from runner.study.config import runs_of  # brings pydantic

        assert self.study is not None
        return list(runs_of(self.study))

    @cached_property
    def plan(self) -> "Plan | str":
        """The study's plan, or why there can be none. Only for a study that could be read."""
        from runner.checks.study import planned  # brings packages, which may be what is broken

        assert self.study is not None
        return planned(self.study, self.root, self.data_root)
