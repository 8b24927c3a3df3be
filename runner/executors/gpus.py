"""The GPUs of this machine, without importing torch."""

import os
from collections.abc import Iterable

from jobs.train import Train
from runner.executors.nvidia import listed_cards
from runner.study.cluster import ClusterConfig
from runner.study.plan import PlannedTask

# What tells CUDA which device is meant: its number, or its UUID.
Gpu = int | str


def visible_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs, and parts of GPUs, that CUDA programs started here may use; empty where there are none.

    CUDA_VISIBLE_DEVICES is read as CUDA reads it: numbers or UUIDs, which may be cut short, up to the
    first that means nothing.
    """
    cards, _ = listed_cards()
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return tuple(gpu for card in cards for gpu in (card.parts or (card.index,)))
    indices = {card.index for card in cards}
    uuids = [uuid for card in cards for uuid in (card.uuid, *card.parts)]
    gpus: dict[Gpu, None] = {}
    for entry in map(str.strip, allowed.split(",")):
        if entry.isdigit() and int(entry) in indices:
            gpus[int(entry)] = None
        elif entry.startswith(("GPU-", "MIG-")) and any(uuid.startswith(entry) for uuid in uuids):
            gpus[entry] = None
        else:
            break
    return tuple(gpus)


def cpu_note(cluster: ClusterConfig, tasks: Iterable[PlannedTask]) -> str:
    """Return a warning for tasks that ask for GPUs on a machine without one; empty where it has one."""
    tasks = list(tasks)
    asking = [stage for stage in dict.fromkeys(task.stage for task in tasks) if cluster.stage(stage).gpu_count]
    if not asking or visible_gpus():
        return ""
    listed, complaint = listed_cards()
    hidden = f"hidden by CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')!r}"
    here = f"no GPU here ({hidden if listed else f'nvidia-smi: {complaint}'})"
    if any(isinstance(task.job, Train) and task.job.experiment.training.device == "cuda" for task in tasks):
        return f"{here}: training will fail at once, since training.device is cuda; training.device=auto takes the CPU"
    runs = "runs" if len(asking) == 1 else "run"
    return (
        f"{here}: {' and '.join(asking)} would use one and {runs} on the CPU; set cluster.{asking[0]}.gpus=0 if "
        "that is meant"
    )
