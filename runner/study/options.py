"""Values and options for sbatch: values stay values, and options that have a key of ours are said by that key."""

import re
from typing import Any

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME = re.compile(r"[a-z][a-z0-9]*(-?[a-z0-9]+)+")


def plain(text: str) -> str:
    """Return the text. Raises ValueError unless it fits into one line of a batch file."""
    if not text.strip():
        raise ValueError("expected some text, found none")
    if found := _CONTROL.search(text):
        raise ValueError(f"expected one line without control characters, found {found[0]!r} in {text!r}")
    return text


_ONE_PROCESS = "a task is one process on one node; say cpus, gpus, or a sweep of more runs"
_LOGS = "runner.logs looks for logs where the runner puts them"
_VARIABLES = "tasks need the variables that lead them to their code; export others in cluster.setup"
_ORDER = "the runner says which job waits for which"
_ANSWER = "the runner reads sbatch's answer"
_WHO = "jobs belong to who submits them"
_LIMITS = "the runner is warned before a time limit by the signal that it chose; say timeout_min"

# What may not be said by cluster.sbatch: options that a key of ours says, and those that would break the runner.
TAKEN = {
    "partition": "say partition",
    "account": "say account",
    "qos": "say qos",
    "constraint": "say constraint",
    "time": "say timeout_min",
    "mem": "say mem_gb",
    "mem-per-cpu": "say mem_per_cpu_gb",
    "mem-per-gpu": "say mem_gb",
    "cpus-per-task": "say cpus",
    "cpus-per-gpu": "say cpus",
    "gpus": "say gpus",
    "gpus-per-node": "say gpus",
    "gpus-per-task": "say gpus",
    "gpus-per-socket": "say gpus",
    "gres": "say gres",
    "tres-per-task": "say cpus, gpus or gres",
    "exclusive": "say exclusive",
    "wckey": "say wckey",
    "array": "tasks are sent as arrays already; say parallelism for how many run at once",
    "job-name": "jobs bear the study's name",
    "comment": "the runner finds its jobs by it",
    "mail-user": "say cluster.mail",
    "mail-type": "cluster.mail hears of failures and of the end",
    "requeue": "say cluster.requeues",
    "no-requeue": "say cluster.requeues: 0",
    "dependency": _ORDER,
    "kill-on-invalid-dep": _ORDER,
    "nodes": _ONE_PROCESS,
    "ntasks": _ONE_PROCESS,
    "ntasks-per-core": _ONE_PROCESS,
    "ntasks-per-gpu": _ONE_PROCESS,
    "ntasks-per-node": _ONE_PROCESS,
    "ntasks-per-socket": _ONE_PROCESS,
    "output": _LOGS,
    "error": _LOGS,
    "open-mode": _LOGS,
    "input": "tasks read nothing",
    "signal": _LIMITS,
    "chdir": "tasks start where runner.submit was called; cd in cluster.setup",
    "export": _VARIABLES,
    "export-file": _VARIABLES,
    "get-user-env": _VARIABLES,
    "clusters": "the runner asks one cluster about its jobs; submit on the other one",
    "uid": _WHO,
    "gid": _WHO,
    "wrap": "the runner writes the batch file; say setup for lines of your own",
    "wait": _ANSWER,
    "parsable": _ANSWER,
    "quiet": _ANSWER,
    "verbose": _ANSWER,
    "test-only": "python -m runner.doctor STUDY asks that",
    "help": _ANSWER,
    "usage": _ANSWER,
    "version": _ANSWER,
}


def checked_options(options: Any) -> Any:
    """Return options by name: true for a flag, text for a value, false for an option that a stage takes back."""
    if not isinstance(options, dict):
        return options
    return {_name(name): _value(name, value) for name, value in options.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        long = str(name).lstrip("-").replace("_", "-").lower()
        if long in TAKEN:
            return _name(long)  # which says by what key it is said
        hint = f"; did you mean {long}?" if _NAME.fullmatch(long) else ", written in full and without dashes before it"
        raise ValueError(f"expected an option of sbatch such as nice or reservation, found {name!r}{hint}")
    # sbatch takes a beginning for the whole, and would take this for an option that is refused.
    if taken := next((option for option in TAKEN if option.startswith(name)), None) if name not in TAKEN else name:
        raise ValueError(f"{name} is not for cluster.sbatch{f' (short for {taken})' * (name != taken)}: {TAKEN[taken]}")
    return name


def _value(name: str, value: Any) -> bool | str:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, list | tuple) and value:
        return ",".join(str(_value(name, item)) for item in value)
    if isinstance(value, str | int | float):
        try:
            return plain(str(value))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    raise ValueError(f"{name}: expected a value, a list of values or true, found {value!r}")
