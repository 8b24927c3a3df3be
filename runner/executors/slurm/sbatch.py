"""What a stage asks for in the words of sbatch, and which words the sbatch that is installed here knows."""

import difflib
import math
import re
import shlex
from collections.abc import Iterator

from runner.executors.job_state import SchedulerError
from runner.executors.slurm.scheduler import call
from runner.executors.slurm.site import COUNTING, site_options, with_site_options
from runner.study.cluster import ClusterConfig, StageResources
from runner.study.config import ConfigError
from runner.study.options import TAKEN, plain
from runner.study.stages import STAGES
from srcnn.words import counted

PAGE = "how-to/slurm.md"


def sbatch_options(resources: StageResources) -> dict[str, str | bool]:
    """Return options by their long names, also those of the environment; true where an option takes no value."""
    resources = with_site_options(resources)
    wanted = {
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "constraint": resources.constraint,
        "time": resources.timeout_min,
        "cpus-per-task": resources.cpus,
        "gpus-per-node": resources.gpus or None,
        "gres": resources.gres,
        "mem": _megabytes(resources.mem_gb),
        "mem-per-cpu": _megabytes(resources.mem_per_cpu_gb),
        "exclusive": resources.exclusive or None,
        "wckey": resources.wckey,
        **resources.sbatch,
    }
    return {name: value if value is True else str(value) for name, value in wanted.items() if value is not None}


def _megabytes(gb: float | None) -> str | None:
    # Rounded up: --mem=0 would be all memory of the node.
    return f"{math.ceil(gb * 1024)}MB" if gb else None


def resources_text(resources: StageResources) -> str:
    """Return resources in words, most important first, with what the environment chooses where they say nothing."""
    resources = with_site_options(resources)
    parts = [
        f"{resources.partition or 'default'} partition",
        *(f"{count} {kind} GPU".replace("  ", " ") for kind, count in resources.gpu_kinds.items()),
        f"gres {resources.gres}" if resources.gres else "",
        f"{counted(resources.cpus or 0, 'core')}",
        f"{resources.mem_gb:g} GB" if resources.mem_gb else "",
        f"{resources.mem_per_cpu_gb:g} GB a core" if resources.mem_per_cpu_gb else "",
        f"{resources.timeout_min} min",
        *(
            f"{name} {value}"
            for name in ("account", "qos", "constraint", "wckey")
            if (value := getattr(resources, name))
        ),
        _EXCLUSIVE[resources.exclusive or False],
        *(f"--{name}" if value is True else f"--{name}={value}" for name, value in resources.sbatch.items()),
        f"run by {shlex.join(resources.python)}" if resources.python else "",
        f"shared by {resources.at_once} tasks at once" if resources.at_once > 1 else "",
    ]
    return ", ".join(part for part in parts if part)


_EXCLUSIVE = {
    False: "",
    True: "whole nodes",
    "user": "nodes shared with one's own jobs only",
    "mcs": "nodes shared with jobs of one's own group only",
}


def check_options(cluster: ClusterConfig) -> None:
    """Raise ConfigError for an option that the sbatch installed here does not know, or a value that is no line.

    Where none is installed, or it does not answer, nothing more is known than that the names look right.
    """
    for variable, option in COUNTING.items():
        try:
            plain(site_options().get(option, "-"))
        except ValueError as error:
            raise ConfigError(f"{variable} in your environment: {error}", PAGE) from error
    named: dict[str, str] = {}
    for section, settings in (
        ("cluster", cluster),
        *((f"cluster.{stage}", getattr(cluster, stage)) for stage in STAGES),
    ):
        for name in settings.sbatch:
            named.setdefault(name, section)
    known = _listed() if named else []
    for name, section in named.items() if known else ():
        if name not in known and (trouble := _unlisted(name, known)):
            raise ConfigError(f"{section}.sbatch.{name}: {trouble}", PAGE)


def _unlisted(name: str, known: list[str]) -> str | None:
    """Return why sbatch would not understand an option that it does not list; None if it would (--hint, --prefer)."""
    whole = [option for option in known if option.startswith(name)]
    if not whole:
        try:
            call("sbatch", f"--{name}=", "--version")
            return None
        except SchedulerError as error:
            if "unrecognized" not in str(error) and "ambiguous" not in str(error):
                return None
    allowed = [option for option in known if option not in TAKEN]
    near = [option for option in whole if option in allowed] or difflib.get_close_matches(name, allowed, n=1)
    return "sbatch has no such option" + (f"; did you mean {near[0]}?" if near else "; `sbatch --help` lists all")


def _listed() -> list[str]:
    """Return the long names of options that sbatch lists, also of the site's plugins; none where it is absent."""
    names: dict[str, None] = {}
    for how in ("--help", "--usage"):
        try:
            names |= dict.fromkeys(_names(call("sbatch", how)))
        except SchedulerError:
            continue
    return list(names)


def _names(text: str) -> Iterator[str]:
    # At the start of a line of the help, or behind a bracket of the usage: elsewhere options are only spoken of.
    for match in re.finditer(r"(?:^\s*(?:-\w,?\s+)?|\[)--([a-z][a-z0-9-]+)", text, re.MULTILINE):
        yield match[1]
