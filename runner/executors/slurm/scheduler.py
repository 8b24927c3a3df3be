"""SLURM as this project asks it: one call for the states of all jobs, and plain words when it refuses.

Everything is a command of SLURM's with a time limit, so that nothing here hangs on a controller
that is down.
"""

# After a task a node's own Python may run this, which may be older than ours (see requeue.py).
from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from runner.executors.slurm.site import command_environment

TIMEOUT_S = 60.0
WARNED_S = 180  # before a time limit: our 90 s, SLURM's own minute, and some
ARRAY_SIZE = 1001  # SLURM's default of MaxArraySize
AT_ONCE = 500  # ids in one call of scancel or scontrol

# States in which a job may still do something.
ALIVE = frozenset(
    [
        "PENDING",
        "RUNNING",
        "REQUEUED",
        "SUSPENDED",
        "COMPLETING",
        "CONFIGURING",
        "STOPPED",
        "RESIZING",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SIGNALING",
        "STAGE_OUT",
        "SPECIAL_EXIT",
        "RESV_DEL_HOLD",
    ]
)
PUT_BACK = frozenset(["NODE_FAIL", "BOOT_FAIL", "PREEMPTED"])  # ends after which SLURM itself starts a job again
HELD = frozenset(["REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"])
LAUNCH_FAILED = "launch failed requeued held"

Holder = Literal["user", "administrator", "SLURM"]
# Who holds a job, by squeue's reason; for any other it is SLURM.
_HOLDERS: Mapping[str, Holder] = {
    "JobHeldUser": "user",
    "job requeued in held state": "user",  # scontrol requeuehold, or a rule of the site
    "JobHeldAdmin": "administrator",
}


class SchedulerError(RuntimeError):
    """SLURM did not do what was asked; the message holds its own words."""


@dataclass(frozen=True)
class JobState:
    """What the scheduler says of one job: its state without suffix, why it waits, how its steps ended.

    ``earlier_node`` is where it was started before, ``starts`` the time before which it is not, as squeue
    writes it. A job of priority 0 is held.
    """

    state: str
    reason: str = ""
    exit_code: str = ""
    node: str = ""
    step_states: frozenset[str] = frozenset()
    elapsed_s: int | None = None
    limit_min: int | None = None
    earlier_node: str = ""
    priority: int | None = None
    starts: str = ""

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ALIVE

    @property
    def waits(self) -> bool:
        """Whether it is in the queue and does not run."""
        return self.state == "PENDING" or self.state.startswith("REQUEUE") or self.state in HELD

    @property
    def stays(self) -> bool:
        """Whether the queue has nothing to add: it runs, or it ended well, so that SLURM does not put it back."""
        return self.state == "COMPLETED" or (self.alive and not self.waits)

    @property
    def held_by(self) -> Holder | None:
        """Who holds it, so that it does not start until it is released; None if nobody does."""
        if not self.waits or (self.reason not in _HOLDERS and self.state not in HELD and self.priority != 0):
            return None
        return _HOLDERS.get(self.reason, "SLURM")

    @property
    def last_node(self) -> str:
        """The node that it has or had last; empty if none is known."""
        return self.node if self.started else self.earlier_node

    @property
    def ended_early(self) -> bool:
        """Whether it ended well before its time limit, so that it was not that which ended it."""
        return bool(self.limit_min and self.elapsed_s is not None and self.elapsed_s < 60 * self.limit_min - WARNED_S)

    @property
    def started(self) -> bool:
        """Whether it ever had a node."""
        return self.node not in ("", "None assigned")


@dataclass(frozen=True)
class Answer:
    """States by job id. ``note`` says what was amiss with the asking.

    ``answered``: a job that is not among the states is neither queued nor running. ``complete``: jobs
    that ended long ago are among them too.
    """

    states: Mapping[str, JobState] = field(default_factory=dict)
    note: str = ""
    answered: bool = True
    complete: bool = True


@dataclass(frozen=True)
class Origin:
    """What tells a job from others that had its number before or have it since; empty fields tell nothing.

    Its name, the token that its comment holds, and the controller's time before it was sent.
    """

    name: str = ""
    token: str = ""
    sent_at: float = 0.0

    def fits(self, name: str, comment: str, submit: str = "") -> bool:
        """Whether squeue or accounting speaks of this job.

        Accounting keeps comments only where it is told to, and a site or its user may replace them.
        """
        # A job that has only just started may be called ``allocation`` for a while.
        named = not self.name or name in (self.name, "allocation")
        other = "srcnn-" in comment and self.token not in comment
        return named and not other and (not submit.isdecimal() or int(submit) >= int(self.sent_at))


def call(*command: str, timeout_s: float = TIMEOUT_S, times: str = "") -> str:
    """The output of a SLURM command. Raises SchedulerError with its own words, or that it did not answer.

    ``times`` is how it writes them, ``%s`` for seconds since the epoch (default: SLURM's own way).
    """
    environment = command_environment() | ({"SLURM_TIME_FORMAT": times} if times else {})
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise SchedulerError(f"{command[0]} is not installed here") from error
    except subprocess.TimeoutExpired as error:
        raise SchedulerError(f"{command[0]} did not answer within {timeout_s:.0f} s") from error
    if done.returncode:
        raise SchedulerError((done.stderr or done.stdout).strip() or f"{command[0]} failed ({done.returncode})")
    return done.stdout


def answers() -> bool:
    """Whether a SLURM controller answers here."""
    try:
        call("sinfo", "--noheader", timeout_s=20)
    except SchedulerError:
        return False
    return True


def job_states(
    wanted: Mapping[str, Origin], users: str | None = None, settled: Mapping[str, Origin] | None = None
) -> Answer:
    """The states of jobs, by id, by one call of sacct; what it does not know, and why jobs wait, by one of squeue.

    ``users`` are those whose jobs they are, as squeue takes them (default: who asks). ``settled`` are jobs that
    have nothing more to do: where one was put back and is held, what comes after it waits for ever.
    """
    if not wanted:
        return Answer()
    numbers = sorted({job.partition("_")[0] for job in wanted}, key=int)
    states, note = {}, ""
    try:
        columns = "JobID,State,Reason,ExitCode,NodeList,ElapsedRaw,TimelimitRaw,Submit,JobName,Comment"
        # --duplicates: also the earlier starts of a job that was put back, which say where it ran.
        asked = ["--parsable2", "--noheader", "--duplicates", f"--format={columns}", f"--jobs={','.join(numbers)}"]
        states = _from_sacct(call("sacct", *asked, times="%s"), wanted)
    except SchedulerError as error:
        note = f"no accounting ({str(error).splitlines()[0]}): causes of jobs that ended some time ago are unknown"
    lacking = wanted.keys() - states.keys()
    if not lacking and all(states[job].stays for job in wanted):
        return Answer(states, note)
    try:  # accounting may be absent, down or behind: of a job that is put back it tells its end first
        # --jobs would refuse the whole list for one number that is forgotten.
        user = f"--user={users}" if users else "--me"
        text = call("squeue", user, "--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N|%S|%Q|%j|%k")
    except SchedulerError as error:
        trouble = f"the scheduler does not answer ({str(error).splitlines()[0]})"
        return Answer(states, trouble, answered=False, complete=not note)
    queue = _from_squeue(text, {**(settled or {}), **wanted})
    for job in queue:
        known = states.get(job)
        if job not in wanted:
            states |= {job: queue[job]} if queue[job].held_by else {}
        elif known is None:
            states[job] = queue[job]
        elif _is_newer(queue[job], known):
            states[job] = replace(queue[job], earlier_node=known.last_node)
    return Answer(states, note, complete=not note)


def _is_newer(queued: JobState, known: JobState) -> bool:
    """Whether the queue's word for a job is newer than accounting's. A job that still cleans up has ended all the same,
    unless by what SLURM puts jobs back for.
    """
    if known.stays or not queued.alive:
        return False
    return known.alive or queued.state != "COMPLETING" or known.state in PUT_BACK


def controller_time() -> float:
    """The time by the controller's clock, in seconds since the epoch."""
    match = re.search(r"as of (\d+)", call("scontrol", "show", "config", times="%s"))
    if not match:
        raise SchedulerError("scontrol show config does not begin with the time")
    return float(match[1])


def _from_squeue(text: str, wanted: Mapping[str, Origin]) -> dict[str, JobState]:
    states = {}
    for line in text.splitlines():
        job, *fields = line.split("|", 7)
        if len(fields) < 7 or job not in wanted:
            continue  # a line of a comment, or somebody else's
        state, reason, node, starts, priority, name, comment = fields
        if not wanted[job].fits(name, comment):
            continue
        states[job] = JobState(
            state,
            "" if reason == "None" else reason,
            node=node,
            starts="" if starts == "N/A" else starts,
            priority=_number(priority),
        )
    return states


def _from_sacct(text: str, wanted: Mapping[str, Origin]) -> dict[str, JobState]:
    rows: list[tuple[str, str, str, str, JobState]] = []  # every start of a job has one, with its steps below it
    for line in text.splitlines():
        fields = line.split("|", 9)
        if len(fields) < 10:
            continue  # of a comment
        job, state, reason, exit_code, node, elapsed, limit, sent, name, comment = fields
        state = state.split()[0] if state else "UNKNOWN"  # such as ``CANCELLED by 0``
        if "." in job:
            if not rows:
                continue  # a step without its job
            known = rows[-1][-1]
            rows[-1] = (*rows[-1][:-1], replace(known, step_states=known.step_states | {state}))
            continue
        reason = "" if reason == "None" else reason
        known = JobState(state, reason, exit_code, node, elapsed_s=_number(elapsed), limit_min=_number(limit))
        rows.append((sent, name, comment, job, known))
    found: dict[str, JobState] = {}
    for sent, name, comment, job, known in sorted(rows, key=lambda row: row[0]):
        for each in expand(job):
            if each in wanted and wanted[each].fits(name, comment, sent):
                found[each] = replace(known, earlier_node=found[each].last_node) if each in found else known
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def expand(job: str) -> Iterator[str]:
    """The ids that ``123_[0-2,7%5]`` stands for; any other id stands for itself."""
    match = re.fullmatch(r"(\d+)_\[([\d,\-]+)(?:%\d+)?\]", job)
    if not match:
        yield job
        return
    for part in match[2].split(","):
        first, _, last = part.partition("-")
        for index in range(int(first), int(last or first) + 1):
            yield f"{match[1]}_{index}"


def collapse(ids: Iterable[str]) -> list[str]:
    """Jobs as SLURM writes them, elements of one array together: the reverse of ``expand``."""
    elements: dict[str, list[int]] = {}
    for job in ids:
        number, _, index = job.partition("_")
        elements.setdefault(number, []).extend([int(index)] if index else [])
    return [
        f"{number}_{indices[0]}" if len(indices) == 1 else f"{number}_[{_ranges(indices)}]" if indices else number
        for number, indices in ((number, sorted(set(indices))) for number, indices in elements.items())
    ]


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers with those in a row together: ``0-2,7``."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1] = [rows[-1][0], number]
        else:
            rows.append([number])
    return ",".join("-".join(map(str, row)) for row in rows)


def cancel(ids: Iterable[str]) -> None:
    """Cancel jobs; those that ended already are no error. Raises SchedulerError if SLURM does not answer."""
    _call_with(ids, "scancel", "--quiet")


def release(ids: Iterable[str]) -> None:
    """Let held jobs go; those that ended already are no error. Raises SchedulerError with SLURM's words."""
    _call_with(ids, "scontrol", "release")


def _call_with(ids: Iterable[str], *command: str) -> None:
    """Call a command with jobs as its arguments, many at once; it is no error that some are gone."""
    jobs = list(dict.fromkeys(ids))
    for first in range(0, len(jobs), AT_ONCE):
        try:
            call(*command, *jobs[first : first + AT_ONCE])
        except SchedulerError as error:
            others = [line for line in str(error).splitlines() if line.strip() and "Invalid job id" not in line]
            if others:
                raise SchedulerError("\n".join(others)) from error


def max_array_size(default: int = ARRAY_SIZE) -> int:
    """How many elements one array may have, as the cluster is configured."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", call("scontrol", "show", "config"), re.MULTILINE)
    return int(match[1]) if match else default


def partitions_text() -> str:
    """The partitions that exist, in a line each; empty where SLURM does not answer."""
    try:
        text = call("sinfo", "--noheader", "--format=%P|%a|%l|%G|%c|%m", timeout_s=20)
    except SchedulerError:
        return ""
    return "\n".join(f"  {line}" for line in dict.fromkeys(map(_partition_text, text.splitlines())))


def _partition_text(row: str) -> str:
    name, up, limit, gpus, cpus, memory = row.split("|")
    default = " (default)" if name.endswith("*") else ""
    time = "no time limit" if limit == "infinite" else f"at most {limit}"
    gpus = "no GPUs" if gpus == "(null)" else gpus
    return f"{name.rstrip('*')}{default}: {up}, {time}, {gpus}, {cpus} cores and {memory} MB a node"
