"""Whether SLURM answers, has what the stages ask for, and what it does about preemption and records."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.executors.slurm.partitions import Partition, names_with
from runner.executors.slurm.scheduler import ANSWER_S, SchedulerError, call, configuration

if TYPE_CHECKING:
    from runner.study.cluster import StageResources


def answering(asked: Circumstances) -> Iterator[Finding]:
    """Say whether a controller answers."""
    state, words = asked.slurm
    if state == "answers":
        yield Finding("ok", "SLURM answers here")
    elif state == "silent":
        yield Finding(
            "WRONG",
            f"SLURM is installed here and does not answer: {words}",
            "look with `scontrol ping`, and ask the administrators; --executor local of runner.submit stays on this "
            "machine meanwhile",
        )
    elif asked.partition:
        yield Finding(
            "WRONG",
            f"no SLURM here, so there is no partition {asked.partition}",
            "run this on the cluster's login node",
        )
    else:
        yield Finding("note", "no SLURM here: studies run on this machine (--executor local)")


def partitions(asked: Circumstances) -> Iterator[Finding]:
    """Give a line for each partition."""
    if asked.uses_slurm:
        for partition in asked.partitions.values():
            usable = partition.up and any(nodes.usable for nodes in partition.nodes)
            yield Finding("ok" if usable else "note", partition.text())


def stages(asked: Circumstances) -> Iterator[Finding]:
    """Say whether each stage can have what it asks for: first sinfo is asked, then sbatch itself."""
    if not asked.uses_slurm:
        return
    from runner.executors.slurm.sbatch import check_options
    from runner.executors.slurm.site import site_notes, with_site_options
    from runner.study.config import ConfigError

    there = asked.partitions
    try:
        check_options(asked.cluster)
    except ConfigError as error:
        yield Finding("WRONG", str(error), "correct the study's cluster section; runner.submit would refuse it")
        return
    wanted = {stage: with_site_options(asked.cluster.stage(stage)) for stage in _stages()}
    for note in site_notes():
        yield Finding("note", note)
    if asked.partition and not any(resources.partition == asked.partition for resources in wanted.values()):
        yield from _unknown(asked.partition, "--partition", there)
    for stage, resources in wanted.items():
        yield from _stage(stage, resources, there)


def _stage(stage: str, resources: "StageResources", there: dict[str, Partition]) -> Iterator[Finding]:
    from runner.executors.slurm.sbatch import resources_text

    default = next((partition.name for partition in there.values() if partition.default), "")
    names = (resources.partition or default).split(",")
    unknown = [finding for name in names if name for finding in _unknown(name, f"stage {stage}", there)]
    if unknown:
        yield from unknown
        return
    lacking = {name: list(there[name].lacks(resources)) for name in names if name}
    if lacking and all(lacking.values()):
        better = names_with(there.values(), resources)
        option = f"--partition {better[0]}, or " if better and resources.gpu_count else ""
        yield Finding(
            "WRONG",
            f"stage {stage} asks for {resources_text(resources)}; "
            + "; ".join(f"partition {name}: {', '.join(reasons)}" for name, reasons in lacking.items()),
            f"{option}cluster.{stage}.partition={better[0]} has all of it"
            if better
            else f"no partition has all of it; ask for less in cluster.{stage} (gpus, cpus, mem_gb, timeout_min)",
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


def _refusal(resources: "StageResources") -> str:
    """Return why sbatch would not take such a job, in its words; empty if it would. Nothing is submitted."""
    from runner.executors.slurm.sbatch import sbatch_options

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
            "yours are listed by `sacctmgr show associations user=$USER format=account,partition,qos`; "
            "set cluster.account and cluster.qos"
        )
    return "change what the study's cluster section asks for; `scontrol show partition` shows the limits"


def accounts(asked: Circumstances) -> Iterator[Finding]:
    """Say whether the study's accounts and QOS are known; SLURM may take jobs of unknown ones all the same."""
    if not asked.uses_slurm:
        return
    resources = [asked.cluster.stage(stage) for stage in _stages()]
    for kind, column in (("account", "account"), ("qos", "name")):
        named = {value for wanted in resources if (value := getattr(wanted, kind))}
        known = _known(kind, column) if named else set()
        for name in sorted(named - known) if known else ():
            yield Finding(
                "note",
                f"{kind} {name!r} is unknown to accounting, which knows {', '.join(sorted(known))}",
                f"correct cluster.{kind}, unless SLURM takes the stages above all the same and that is meant",
            )


def _stages() -> tuple[str, ...]:
    from runner.study.stages import STAGES

    return tuple(STAGES)


def _known(kind: str, column: str) -> set[str]:
    try:
        text = call("sacctmgr", "--noheader", "--parsable2", "show", kind, f"format={column}", timeout_s=ANSWER_S)
    except SchedulerError:  # said by the check of accounting
        return set()
    return set(text.split())


def accounting(asked: Circumstances) -> Iterator[Finding]:
    """Say whether sacct knows of jobs that have ended."""
    if not asked.uses_slurm:
        return
    try:
        call("sacct", "--noheader", "--format=JobID", "--starttime=now", timeout_s=ANSWER_S)
        yield Finding("ok", "accounting: sacct answers")
    except SchedulerError as error:
        yield Finding(
            "note",
            f"no accounting ({str(error).splitlines()[0]}): runner.status then asks squeue, and cannot tell why a job "
            "ended without a word, such as for want of memory",
        )


def arrays(asked: Circumstances) -> Iterator[Finding]:
    """Say how large an array may be."""
    if asked.uses_slurm:
        size = configuration(ANSWER_S).get("MaxArraySize", "")
        if size.isdigit() and int(size) < 2:
            yield Finding("note", f"MaxArraySize={size}: no arrays, every task is a job of its own")
        elif size:
            yield Finding("ok", f"MaxArraySize={size}: stages of more tasks become several arrays")


def preemption(asked: Circumstances) -> Iterator[Finding]:
    """Say whether SLURM warns tasks before it preempts them."""
    if not asked.uses_slurm:
        return
    settings = configuration(ANSWER_S)
    if settings.get("PreemptType", "preempt/none").endswith("none"):
        yield Finding("ok", "no preemption")
    elif "preempt_send_user_signal" in settings.get("SlurmctldParameters", ""):
        yield Finding("ok", "tasks that are preempted are warned (preempt_send_user_signal) and save their state")
    else:
        yield Finding(
            "note",
            "tasks that are preempted are not warned (preempt_send_user_signal is not set): they go on from the last "
            "state that was saved, which keep.every_s says how often",
        )
