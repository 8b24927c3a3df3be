"""Variables for SLURM's own commands, which a site's modules or a user's shell may set: what of them counts here.

``SBATCH_*`` beat the header of a batch file; others narrow or reshape what squeue, sacct and sinfo answer and what
scancel ends. So every call is made without them. What a site chooses for jobs that do not say where they run and
who pays still counts: it becomes an option that people see.
"""

# After a task a node's own Python may run this, which may be older than ours (see requeue.py).
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.study.cluster import StageResources

# The variables that count where a study says nothing, and the option of sbatch that each stands for. All others would
# change what a task gets, how it is sent or which jobs are seen: that is for the study and the runner to say.
COUNTING = {
    "SBATCH_PARTITION": "partition",
    "SBATCH_ACCOUNT": "account",
    "SBATCH_QOS": "qos",
    "SBATCH_CONSTRAINT": "constraint",
    "SBATCH_WCKEY": "wckey",
    "SBATCH_RESERVATION": "reservation",
}
COMMANDS = ("SBATCH_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SCONTROL_")
# Of SLURM_* only what leads to the cluster: the rest is what an enclosing job says of itself, or is for srun.
LEADING = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"})
# Our own words to the commands: lists of array elements are not cut off, jobs in hidden partitions are shown.
OURS = {"SLURM_BITSTR_LEN": "0", "SQUEUE_ALL": "1"}


def is_foreign(name: str) -> bool:
    """Say whether a variable is for SLURM's commands and none of those that lead them to the cluster."""
    return name.startswith(COMMANDS) or (name.startswith("SLURM_") and name not in LEADING)


def command_environment() -> dict[str, str]:
    """Return the environment in which SLURM's commands are called."""
    return {name: value for name, value in os.environ.items() if not is_foreign(name)} | OURS


def site_options() -> dict[str, str]:
    """Return the options of sbatch that the environment chooses where a study says nothing, by their long names."""
    return {option: value for name, option in COUNTING.items() if (value := os.environ.get(name))}


def with_site_options(resources: StageResources) -> StageResources:
    """Return the resources with what the environment chooses where they say nothing, without options taken back."""
    options: Mapping[str, str] = site_options()
    fields = {name: value for name, value in options.items() if getattr(resources, name, "-") is None}
    others = {name: value for name, value in options.items() if name not in type(resources).model_fields}
    sbatch = {name: value for name, value in (others | resources.sbatch).items() if value is not False}
    return resources.model_copy(update=fields | {"sbatch": sbatch})


def site_notes() -> list[str]:
    """Return in sentences what people should know of the variables in their environment."""
    counting = [f"{name}={os.environ[name]}" for name in COUNTING if os.environ.get(name)]
    ignored = [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if (name.startswith("SBATCH_") and name not in COUNTING) or name == "SLURM_CLUSTERS"
    ]
    notes = []
    if counting:
        notes.append(f"where the study says nothing, your environment does: {', '.join(counting)}")
    if ignored:
        notes.append(
            f"{', '.join(ignored)} of your environment {'does' if len(ignored) == 1 else 'do'} not count: say in the "
            "study's cluster section what tasks need (cluster.sbatch takes other options of sbatch)"
        )
    return notes
