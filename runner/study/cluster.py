"""What each stage asks of a cluster or of this machine. Nothing here enters an id."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from runner.study.gres import checked_gpus, gpus_by_kind, names_gpu, without_gpus
from runner.study.minutes import to_minutes
from runner.study.options import checked_options, plain
from runner.study.stages import STAGES
from srcnn.bounds import MOST_GB, MOST_WORKERS
from srcnn.section import Section

Minutes = Annotated[int, BeforeValidator(to_minutes)]
PlainText = Annotated[str, AfterValidator(plain)]
Options = Annotated[dict[str, bool | str], BeforeValidator(checked_options)]


def _words(command: object) -> object:
    """Return a command as a list of words; a single word may stand for itself."""
    if isinstance(command, str):
        if len(command.split()) != 1:
            raise ValueError(
                f"expected a list of words such as [apptainer, exec, image.sif, python], found {command!r}"
            )
        return (command,)
    return command


AUTO = "auto"
ON_ONE_GPU = 8  # tasks at once where ``pack: auto`` leaves it to us; on cores it is one after another


def _checked_pack(pack: object) -> object:
    """Return how many tasks share a job. Raises ValueError for what is neither a number from 1 nor auto."""
    if pack is None or pack == AUTO or (isinstance(pack, int) and 1 <= pack <= MOST_WORKERS):
        return pack
    raise ValueError(f"expected how many tasks share a job, 1 to {MOST_WORKERS:,}, or auto, found {pack!r}")


class StageResources(Section):
    """Resources of one task of a stage; null leaves the choice to the cluster's default."""

    partition: PlainText | None = Field(None, description="as sbatch knows it")
    account: PlainText | None = Field(None, description="likewise")
    qos: PlainText | None = Field(None, description="likewise")
    constraint: PlainText | None = Field(None, description="likewise")
    gpus: Annotated[int | str, BeforeValidator(checked_gpus)] | None = Field(
        None, description="how many GPUs, or kinds such as a100:1, or parts (MIG) such as 1g.10gb:2"
    )
    gres: PlainText | None = Field(
        None, description="other generic resources, or GPUs in SLURM's words: gpu:1, shard:2"
    )
    cpus: int | None = Field(None, ge=1, le=MOST_WORKERS, description="cores of a task")
    mem_gb: float | None = Field(None, gt=0, le=MOST_GB, description="memory of a task in GB")
    mem_per_cpu_gb: float | None = Field(None, gt=0, le=MOST_GB, description="memory for each core in GB, instead")
    timeout_min: Minutes | None = Field(None, description="time limit in minutes, or H:MM:SS, or D-HH:MM:SS")
    exclusive: bool | Literal["user", "mcs"] | None = Field(
        None, description="whole nodes, shared with nobody, or with one's own jobs"
    )
    wckey: PlainText | None = Field(None, description="as sbatch knows it")
    pack: Annotated[int | Literal["auto"], BeforeValidator(_checked_pack)] | None = Field(
        None, description="how many tasks share a job and its GPU; of train, render and evaluate"
    )
    parallelism: int | None = Field(None, ge=1, le=1_000_000, description="how many tasks of the stage may run at once")
    setup: tuple[str, ...] | None = Field(
        None, description="shell lines before Python starts, such as `module load cuda`"
    )
    python: Annotated[tuple[PlainText, ...], BeforeValidator(_words), Field(min_length=1)] | None = Field(
        None, description="words of the command in place of Python on SLURM, such as that of a container"
    )
    sbatch: Options = Field({}, description="any other option of sbatch, by its long name; null takes one back")

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> Self:
        if self.mem_gb and self.mem_per_cpu_gb:
            raise ValueError("mem_gb and mem_per_cpu_gb: say one of them")
        if self.gpus and self.gres and names_gpu(self.gres):
            raise ValueError(f"gpus: {self.gpus} and gres: {self.gres} both ask for GPUs: say one of them")
        return self

    @property
    def gpu_kinds(self) -> dict[str, int]:
        """How many GPUs of each kind a task asks for, however it says so; "" where it names no kind."""
        if isinstance(self.gpus, int):
            asked = {"": self.gpus} if self.gpus else {}
        else:
            asked = gpus_by_kind(",".join(f"gpu:{kind}" for kind in self.gpus.split(",")) if self.gpus else "")
        return asked or gpus_by_kind(self.gres or "")

    @property
    def gpu_count(self) -> int:
        """How many GPUs a task asks for; a part of one counts as one."""
        return sum(self.gpu_kinds.values()) or int(names_gpu(self.gres or ""))

    @property
    def at_once(self) -> int:
        """How many tasks a job does at once."""
        if self.pack == AUTO:
            return ON_ONE_GPU if self.gpu_count else 1
        return int(self.pack or 1)

    def of_job(self, at_once: int | None = None) -> Self:
        """Return what a job asks for that does some tasks at once: cores and memory for each, one GPU for all."""
        number = self.at_once if at_once is None else at_once
        more = {"cpus": (self.cpus or 1) * number, "mem_gb": self.mem_gb and self.mem_gb * number} if number > 1 else {}
        return self.model_copy(update={"pack": number, **more})


CLUSTER_DEFAULTS: dict[str, Any] = {"gpus": 0, "parallelism": 64, "setup": ()}


class _Common(StageResources):
    """Settings for all stages, and what is asked of one."""

    mail: PlainText | None = Field(None, description="address that hears of failures, and of the end")
    requeues: int = Field(
        20,
        ge=0,
        le=10_000,
        description="how often SLURM may start a task again: after its time limit, a preemption, a lost node, a kill",
    )

    @model_validator(mode="after")
    def _packs_what_can_be_packed(self) -> Self:
        for name, entry in STAGES.items():
            if getattr(self, name).pack and not entry.of_run:
                stages = ", ".join(stage for stage in STAGES if STAGES[stage].of_run)
                raise ValueError(f"{name}.pack: only tasks of runs share jobs, those of {stages}")
            resources = self.stage(name)
            if resources.at_once > 1 and resources.gpu_count > 1:
                raise ValueError(
                    f"{name}.pack: tasks that share a job share one GPU, and {resources.gpu_count} are asked for; "
                    "say gpus: 1"
                )
        return self

    def stage(self, name: str) -> StageResources:
        """Return the resources of a stage: its own section, then the common settings, then the defaults.

        An option of sbatch that was taken back is false, so that no later choice of a site brings it back.
        """
        common = self.model_dump(include=set(StageResources.model_fields), exclude_none=True)
        own = getattr(self, name).model_dump(exclude_none=True)
        settings: dict[str, Any] = {}
        for layer in (CLUSTER_DEFAULTS, STAGES[name].resources, common, own):
            sbatch = settings.get("sbatch", {}) | layer.get("sbatch", {})
            settings = _without_what_is_said_anew(settings, layer) | layer | {"sbatch": sbatch}
        if not STAGES[name].of_run:
            settings.pop("pack", None)
        return StageResources(**settings)

    def with_stage(self, name: str, **resources: Any) -> Self:
        """Return these settings with some resources of one stage changed."""
        own = _without_what_is_said_anew(getattr(self, name).model_dump(exclude_none=True), resources)
        return self.model_copy(update={name: StageResources(**(own | resources))})

    def with_gpu_partition(self, partition: str) -> Self:
        """Return these settings with the stages that ask for GPUs on a partition."""
        changed = self
        for name in STAGES:
            if self.stage(name).gpu_count:
                changed = changed.with_stage(name, partition=partition)
        return changed

    def local_cpus(self, name: str) -> int | None:
        """Return the cores of a stage's tasks on this machine, where the study names them; else None."""
        own: int | None = getattr(self, name).cpus
        return own if own is not None else self.cpus


if TYPE_CHECKING:
    ClusterConfig = _Common
else:
    ClusterConfig = create_model(
        "ClusterConfig",
        __base__=_Common,
        __module__=__name__,
        __doc__="Settings for all stages, and a section for each stage that overrides them for it.",
        **{name: (StageResources, StageResources()) for name in STAGES},
    )


def _without_what_is_said_anew(settings: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """Return settings without those that a layer above says in another way: memory by core, GPUs by ``gres``."""
    kept = dict(settings)
    for one, other in (("mem_gb", "mem_per_cpu_gb"), ("mem_per_cpu_gb", "mem_gb")):
        if one in layer:
            kept.pop(other, None)
    if names_gpu(layer.get("gres") or ""):
        kept.pop("gpus", None)
    elif "gpus" in layer and kept.get("gres"):
        kept["gres"] = without_gpus(kept["gres"])
    return kept
