"""Whether SLURM answers, which partitions it has, and what it does about accounts, preemption and records."""

from collections.abc import Iterator

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from runner.executors.slurm.scheduler import ANSWER_S, SchedulerError, call, configuration
from runner.study.stages import STAGES


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


def accounts(asked: Circumstances) -> Iterator[Finding]:
    """Say whether the study's accounts and QOS are known; SLURM may take jobs of unknown ones all the same."""
    if not asked.uses_slurm:
        return
    resources = [asked.cluster.stage(stage) for stage in STAGES]
    for kind, column in (("account", "account"), ("qos", "name")):
        named = {value for wanted in resources if (value := getattr(wanted, kind))}
        known = _known(kind, column) if named else set()
        for name in sorted(named - known) if known else ():
            yield Finding(
                "note",
                f"{kind} {name!r} is unknown to accounting, which knows {', '.join(sorted(known))}",
                f"correct cluster.{kind}, unless it is meant and SLURM takes the stages above all the same",
            )


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
