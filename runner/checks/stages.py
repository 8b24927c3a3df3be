"""Whether SLURM has what the stages of a study ask for."""

import re
from collections.abc import Iterator

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.executors.slurm.partitions import Partition, names_with
from runner.executors.slurm.sbatch import check_options, resources_text, sbatch_options
from runner.executors.slurm.scheduler import ANSWER_S, SchedulerError, call
from runner.executors.slurm.site import site_notes, with_site_options
from runner.study.cluster import StageResources
from runner.study.config import ConfigError
from runner.study.stages import STAGES


def stages(asked: Circumstances) -> Iterator[Finding]:
    """Say whether each stage can have what it asks for: first sinfo is asked, then sbatch itself."""
    if not asked.uses_slurm:
        return
    there = asked.partitions
    try:
        check_options(asked.cluster)
    except ConfigError as error:
        yield Finding("WRONG", str(error), "correct the study's cluster section; runner.submit would refuse it")
        return
    wanted = {stage: with_site_options(asked.cluster.stage(stage).of_job()) for stage in STAGES}
    for note in site_notes():
        yield Finding("note", note)
    if asked.partition and not any(resources.partition == asked.partition for resources in wanted.values()):
        yield from _unknown(asked.partition, "--partition", there)
    for stage, resources in wanted.items():
        yield from _stage(stage, resources, there)


def _stage(stage: str, resources: StageResources, there: dict[str, Partition]) -> Iterator[Finding]:
    default = next((partition.name for partition in there.values() if partition.default), "")
    names = (resources.partition or default).split(",")
    unknown = [finding for name in names if name for finding in _unknown(name, f"stage {stage}", there)]
    if unknown:
        yield from unknown
        return
    lacking = {name: list(there[name].lacks(resources)) for name in names if name}
    if lacking and all(lacking.values()):
        better = names_with(there.values(), resources)
        less = f"{'pack, ' * (resources.at_once > 1)}gpus, cpus, mem_gb, timeout_min"
        option = f"--partition {better[0]}, or " if better and resources.gpu_count else ""
        yield Finding(
            "WRONG",
            f"stage {stage} asks for {resources_text(resources)}; "
            + "; ".join(f"partition {name}: {', '.join(reasons)}" for name, reasons in lacking.items()),
            f"{option}cluster.{stage}.partition={better[0]} has all of it"
            if better
            else f"no partition has all of it; ask for less in cluster.{stage} ({less})",
        )
        return
    refusal = _refusal(resources)
    if refusal:
        yield Finding("WRONG", f"stage {stage}: SLURM refuses {resources_text(resources)}: {refusal}", _cure(refusal))
    else:
        yield Finding("ok", f"stage {stage}: SLURM takes {resources_text(resources)}")


def _unknown(name: str, whose: str, there: dict[str, Partition]) -> Iterator[Finding]:
    if name not in there:
        yield Finding(
            "WRONG",
            f"{whose} names partition {name!r}, which does not exist",
            f"choose one of {', '.join(there)}, with --partition or in the study's cluster section",
        )


def _refusal(resources: StageResources) -> str:
    """Return why sbatch would not take such a job, in its words; empty if it would. Nothing is submitted."""
    options = sbatch_options(resources).items()
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options]
    try:
        call("sbatch", "--test-only", *flags, "--wrap=true", timeout_s=ANSWER_S)
    except SchedulerError as error:
        words = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in str(error).splitlines()]
        return " ".join(dict.fromkeys(word.removeprefix("allocation failure: ") for word in words if word))
    return ""


def _cure(refusal: str) -> str:
    if re.search("account|qos|association", refusal, re.IGNORECASE):
        return (
            "set cluster.account and cluster.qos; `sacctmgr show associations user=$USER format=account,partition,qos` "
            "lists yours"
        )
    return "change what the study's cluster section asks for; `scontrol show partition` shows the limits"
