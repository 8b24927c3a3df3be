"""The partitions of a cluster, read from sinfo, and whether they have what a stage asks for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.cluster import StageResources

FORMAT = "%P|%a|%l|%G|%c|%m|%D|%T"
_UNUSABLE = ("down", "drain", "fail", "err", "maint", "unknown", "no_respond", "powered_down", "powering_down")


@dataclass(frozen=True)
class Nodes:
    """Nodes that are alike: how many, their state, and what one of them has."""

    count: int
    state: str
    gpus: int
    cpus: int
    memory_mb: int

    @property
    def usable(self) -> bool:
        """Whether jobs may start there, now or later."""
        return not self.state.lower().startswith(_UNUSABLE)


@dataclass(frozen=True)
class Partition:
    """One partition: ``limit_min`` is None where time is unlimited."""

    name: str
    default: bool
    up: bool
    limit_min: float | None
    limit_text: str
    nodes: list[Nodes] = field(default_factory=list)

    def lacks(self, resources: "StageResources") -> Iterator[str]:
        """What a stage asks for and no node or limit of the partition allows, in words."""
        if not self.up:
            yield "it is not up"
        if self.limit_min is not None and (resources.timeout_min or 0) > self.limit_min:
            yield f"its time limit is {self.limit_text}, not {resources.timeout_min} min"
        gpus = max((each.gpus for each in self.nodes), default=0)
        if (resources.gpus or 0) > gpus:
            yield f"its nodes have {gpus or 'no'} GPUs, not {resources.gpus}" if gpus else "it has no GPUs"
        cpus = max((each.cpus for each in self.nodes), default=0)
        if (resources.cpus or 0) > cpus:
            yield f"its nodes have {cpus} cores, not {resources.cpus}"
        memory = max((each.memory_mb for each in self.nodes), default=0)
        if (resources.mem_gb or 0) * 1024 > memory:
            yield f"its nodes have {memory / 1024:.1f} GB of memory, not {resources.mem_gb:g}"

    def text(self) -> str:
        """The partition in a line."""
        gpus = sorted({each.gpus for each in self.nodes if each.gpus})
        usable = sum(each.count for each in self.nodes if each.usable)
        total = sum(each.count for each in self.nodes)
        return (
            f"partition {self.name}{' (the default)' * self.default}: {'up' if self.up else 'not up'}, "
            f"{'no time limit' if self.limit_min is None else f'at most {self.limit_text}'}, "
            f"{'/'.join(map(str, gpus)) + ' GPUs a node' if gpus else 'no GPUs'}, "
            f"{usable} of {total} nodes can take jobs"
        )


def read_partitions(text: str) -> dict[str, Partition]:
    """Partitions by name from what ``sinfo --noheader --format=FORMAT`` says."""
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, up, limit, gres, cpus, memory, count, state = line.split("|")
        default, name = name.endswith("*"), name.rstrip("*")
        partition = found.setdefault(name, Partition(name, default, up == "up", minutes(limit), limit))
        partition.nodes.append(Nodes(_number(count), state, gpus_of(gres), _number(cpus), _number(memory)))
    return found


def gpus_of(gres: str) -> int:
    """GPUs of a node: ``gpu:2``, ``gpu:a100:4(S:0-1)``, or several kinds with commas; 0 for anything else."""
    return sum(int(count) for count in re.findall(r"(?:^|,)gpu(?::[^:,()]+)?:(\d+)", gres))


def minutes(limit: str) -> float | None:
    """A time limit as sinfo writes it, ``[days-]hours:minutes:seconds`` or ``minutes:seconds``; None for infinite."""
    if not re.fullmatch(r"(\d+-)?[\d:]+", limit):
        return None
    days, _, clock = limit.rpartition("-")
    hours, mins, secs = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + mins + secs / 60


def names_with(partitions: Iterable[Partition], resources: "StageResources") -> list[str]:
    """The partitions that have all that a stage asks for."""
    return [each.name for each in partitions if not list(each.lacks(resources))]


def _number(text: str) -> int:
    match = re.match(r"\d+", text)  # such as 4+, where nodes differ
    return int(match[0]) if match else 0
