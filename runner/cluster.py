"""What each stage asks of a cluster or of this machine. Nothing here enters an id."""

from typing import Any

from pydantic import Field

from runner.minutes import Minutes
from srcnn.experiment import Section

STAGES = ("prepare", "baseline", "train", "render", "evaluate", "report")


class StageResources(Section):
    """Resources of one task of a stage; null leaves the choice to the cluster's default."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: int | None = Field(None, ge=0)
    cpus: int | None = Field(None, ge=1)
    mem_gb: float | None = Field(None, gt=0)
    timeout_min: Minutes | None = None
    parallelism: int | None = Field(None, ge=1)  # tasks of the stage that may run at once
    setup: tuple[str, ...] | None = None  # shell lines before Python starts, such as ``module load``


_DEFAULTS: dict[str, dict[str, Any]] = {
    "prepare": {"cpus": 4, "mem_gb": 4, "timeout_min": 60},
    "baseline": {"cpus": 8, "mem_gb": 8, "timeout_min": 120},
    "train": {"gpus": 1, "cpus": 2, "mem_gb": 8, "timeout_min": 240},
    "render": {"cpus": 4, "mem_gb": 8, "timeout_min": 240},
    "evaluate": {"cpus": 8, "mem_gb": 8, "timeout_min": 240},
    "report": {"cpus": 1, "mem_gb": 4, "timeout_min": 30},
}
_CLUSTER_DEFAULTS: dict[str, Any] = {"gpus": 0, "parallelism": 64, "setup": ()}


class ClusterConfig(StageResources):
    """Settings for all stages, and sections that override them for one stage."""

    prepare: StageResources = StageResources()
    baseline: StageResources = StageResources()
    train: StageResources = StageResources()
    render: StageResources = StageResources()
    evaluate: StageResources = StageResources()
    report: StageResources = StageResources()
    mail: str | None = None  # address that hears of failures, and of the end
    # How often SLURM may start one task again: after its time limit, a preemption, a lost node, a kill.
    requeues: int = Field(20, ge=0)

    def stage(self, name: str) -> StageResources:
        """The resources of a stage: its own section, then the common settings, then the defaults."""
        common = self.model_dump(include=set(StageResources.model_fields), exclude_none=True)
        own = getattr(self, name).model_dump(exclude_none=True)
        return StageResources(**{**_CLUSTER_DEFAULTS, **_DEFAULTS[name], **common, **own})

    def with_stage(self, name: str, **resources: Any) -> "ClusterConfig":
        """These settings with some resources of one stage changed."""
        return self.model_copy(update={name: getattr(self, name).model_copy(update=resources)})

    def with_gpu_partition(self, partition: str) -> "ClusterConfig":
        """These settings with the stages that ask for GPUs on a partition."""
        changed = self
        for name in STAGES:
            if self.stage(name).gpus:
                changed = changed.with_stage(name, partition=partition)
        return changed

    def local_cpus(self, name: str) -> int | None:
        """Cores of a stage's tasks on this machine, where the study names them."""
        own: int | None = getattr(self, name).cpus
        return own if own is not None else self.cpus
