"""The partitions of a cluster, as sinfo tells of them, and whether they have what a stage asks for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.executors.slurm.scheduler import ANSWER_S, call
from runner.study.gres import gpus_by_kind
from srcnn.words import counted

if TYPE_CHECKING:
    from runner.study.cluster import StageResources

FORMAT = "%P|%a|%l|%G|%c|%m|%D|%T"
_UNUSABLE = ("down", "drain", "fail", "err", "maint", "unknown", "no_respond", "powered_down", "powering_down")


@dataclass(frozen=True)
class Nodes:
    """Nodes that are alike: how many, their state, and what one of them has."""

    count: int
    state: str
    gpu_kinds: Mapping[str, int]  # "" where the cluster names no kind
    cpus: int
    memory_mb: int

    @property
    def gpus(self) -> int:
        """How many GPUs one of them has, of whatever kind."""
        return sum(self.gpu_kinds.values())

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
        """Give in words what a stage asks for and no node or limit of the partition allows."""
        if not self.up:
            yield "it is not up"
        if self.limit_min is not None and (resources.timeout_min or 0) > self.limit_min:
            yield f"its time limit is {self.limit_text}, not {resources.timeout_min} min"
        gpus = max((nodes.gpus for nodes in self.nodes), default=0)
        if resources.gpu_count > gpus:
            yield f"its nodes have {counted(gpus, 'GPU')}, not {resources.gpu_count}" if gpus else "it has no GPUs"
        else:
            most = self._most_gpus()
            lacking = {kind: n for kind, n in resources.gpu_kinds.items() if kind and n > most.get(kind, 0)}
            if lacking:
                yield f"its nodes have {_kinds_text(most)} GPUs, not {_kinds_text(lacking)}"
        cpus = max((nodes.cpus for nodes in self.nodes), default=0)
        if (resources.cpus or 0) > cpus:
            yield f"its nodes have {counted(cpus, 'core')}, not {resources.cpus}"
        memory = max((nodes.memory_mb for nodes in self.nodes), default=0)
        wanted_gb = resources.mem_gb or (resources.mem_per_cpu_gb or 0) * (resources.cpus or 1)
        if wanted_gb * 1024 > memory:
            yield f"its nodes have {memory / 1024:.1f} GB of memory, not {wanted_gb:g}"

    def _most_gpus(self) -> dict[str, int]:
        """Return the most GPUs of each kind that a node has."""
        most: dict[str, int] = {}
        for nodes in self.nodes:
            for kind, count in nodes.gpu_kinds.items():
                most[kind] = max(count, most.get(kind, 0))
        return most

    def text(self) -> str:
        """Return the partition in a line."""
        gpus = _several(nodes.gpus for nodes in self.nodes if nodes.gpus)
        kinds = ", ".join(kind for kind in self._most_gpus() if kind)
        cpus = _several(nodes.cpus for nodes in self.nodes)
        memory = _several(round(nodes.memory_mb / 1024) for nodes in self.nodes)
        usable = sum(nodes.count for nodes in self.nodes if nodes.usable)
        total = sum(nodes.count for nodes in self.nodes)
        return (
            f"partition {self.name}{' (the default)' * self.default}: {'up' if self.up else 'not up'}, "
            f"{'no time limit' if self.limit_min is None else f'at most {self.limit_text}'}, "
            f"{gpus or 'no'} GPUs{f' ({kinds})' * bool(kinds)}, {cpus} cores and {memory} GB a node, "
            f"{usable} of {counted(total, 'node')} can take jobs"
        )


def _several(numbers: Iterable[int]) -> str:
    return "/".join(map(str, sorted(set(numbers))))


def listed_partitions() -> dict[str, Partition]:
    """Return the partitions that there are, by name. Raises SchedulerError if no controller answers."""
    return read_partitions(call("sinfo", "--noheader", f"--format={FORMAT}", timeout_s=ANSWER_S))


def read_partitions(text: str) -> dict[str, Partition]:
    """Return partitions by name from what ``sinfo --noheader --format=FORMAT`` says."""
    partitions: dict[str, Partition] = {}
    for line in text.splitlines():
        name, up, limit, gres, cpus, memory, count, state = line.split("|")
        default, name = name.endswith("*"), name.rstrip("*")
        partition = partitions.setdefault(name, Partition(name, default, up == "up", minutes(limit), limit))
        partition.nodes.append(Nodes(_number(count), state, gpus_by_kind(gres), _number(cpus), _number(memory)))
    return partitions


def minutes(limit: str) -> float | None:
    """Return the minutes of sinfo's ``[days-]hours:minutes:seconds`` or ``minutes:seconds``; None for no limit."""
    if not re.fullmatch(r"(\d+-)?[\d:]+", limit):
        return None
    days, _, clock = limit.rpartition("-")
    hours, mins, secs = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + mins + secs / 60


def _kinds_text(kinds: Mapping[str, int]) -> str:
    return " and ".join(f"{count} {kind or 'unnamed'}" for kind, count in kinds.items())


def names_with(partitions: Iterable[Partition], resources: "StageResources") -> list[str]:
    """Return the partitions that have all that a stage asks for."""
    return [partition.name for partition in partitions if not list(partition.lacks(resources))]


def _number(text: str) -> int:
    match = re.match(r"\d+", text)  # such as 4+, where nodes differ
    return int(match[0]) if match else 0
