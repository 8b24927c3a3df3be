"""What SLURM says of jobs: one question for the states of all of them, and what its words mean."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runner.executors.job_state import Answer, End, HeldBy, JobState, Origin, SchedulerError
from runner.executors.slurm import scheduler
from runner.executors.slurm.requeue import killed_from_outside
from runner.record.array_ids import array_of, expand

WARNED_S = 180  # before a time limit: our 90 s, SLURM's own minute, and some

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

# Who holds a job, by squeue's reason; for any other it is the scheduler.
_HOLDERS: Mapping[str, HeldBy] = {
    "JobHeldUser": "user",
    "job requeued in held state": "user",  # scontrol requeuehold, or a rule of the site
    "JobHeldAdmin": "administrator",
}


@dataclass(frozen=True)
class SlurmJob:
    """What squeue or sacct says of one job: its state without suffix, why it waits, how its steps ended.

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
    cleans_up: bool = False  # it has ended, and SLURM has not ended all of its processes

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
    def held_by(self) -> HeldBy | None:
        """Who holds it, so that it does not start until it is released; None if nobody does."""
        if not self.waits or (self.reason not in _HOLDERS and self.state not in HELD and self.priority != 0):
            return None
        return _HOLDERS.get(self.reason, "scheduler")

    @property
    def last_node(self) -> str:
        """The node that it has or had last; empty if none is known."""
        return self.node if self.started else self.earlier_node

    @property
    def ended_early(self) -> bool | None:
        """Whether it ended well before its time limit, so that the limit did not end it; None if that is not known."""
        if not self.limit_min or self.elapsed_s is None:
            return None
        return self.elapsed_s < 60 * self.limit_min - WARNED_S

    @property
    def started(self) -> bool:
        """Whether it ever had a node."""
        return self.node not in ("", "None assigned")

    def told(self) -> JobState:
        """Return the state in words that fit every executor."""
        common = {"word": self.state, "node": self.last_node, "started": self.started, "early": self.ended_early}
        if self.waits:
            return JobState(
                "waiting",
                why=_held_text(self) if self.held_by else _reason_text(self.reason),
                begins=(self.starts.replace("T", " ") or "the time it was sent for") if self._has_a_time else "",
                held_by=self.held_by,
                never=self.reason == "DependencyNeverSatisfied",
                **common,  # type: ignore[arg-type]
            )
        if self.alive:
            return JobState("running", **common)  # type: ignore[arg-type]
        return JobState(
            "ended",
            end=self._end(),
            exit_code=self.exit_code,
            for_want=self.reason.startswith("Dependency"),
            ending=self.cleans_up,
            **common,  # type: ignore[arg-type]
        )

    @property
    def _has_a_time(self) -> bool:
        return self.reason == "BeginTime" and not self.held_by

    def _end(self) -> End:
        if "OUT_OF_MEMORY" in {self.state, *self.step_states}:
            return "out of memory"
        if self.state == "TIMEOUT" and self.ended_early:
            return "preempted"  # SLURM may call the end of a preemption's grace a time limit
        if self.state in _ENDS and self.state != "COMPLETED":
            return _ENDS[self.state]
        return "killed" if killed_from_outside(self.exit_code) else _ENDS.get(self.state, "failed")


_ENDS: Mapping[str, End] = {
    "COMPLETED": "well",
    "CANCELLED": "cancelled",
    "TIMEOUT": "time limit",
    "DEADLINE": "time limit",
    "NODE_FAIL": "node failure",
    "BOOT_FAIL": "node failure",
    "PREEMPTED": "preempted",
}
# What squeue's reasons mean to somebody who waits.
_REASONS = {
    "Priority": "its turn (jobs of higher priority are before it)",
    "Resources": "free nodes",
    "JobArrayTaskLimit": "others of its array (the parallelism cap)",
    "QOSMaxJobsPerUserLimit": "your other jobs (a limit of the QOS)",
    "AssocGrpCpuLimit": "your group's other jobs (its CPU limit)",
    "ReqNodeNotAvail": "nodes that are not available now (maintenance?)",
    "PartitionDown": "a partition that is down",
    # Accounting keeps a reason that has passed: what needs nothing more waits for no dependency.
    "Dependency": "",
    "BeginTime": "",
}
_HELD = {
    LAUNCH_FAILED: "no job could be started on {node}",
    "job requeued in held state": "scontrol requeuehold, or a rule of the site, put it back",
    "JobHeldUser": "its user holds it",
    "JobHeldAdmin": "an administrator holds it, and only an administrator can release it",
}


def _reason_text(reason: str) -> str:
    return _REASONS.get(reason.partition(",")[0], reason)


def _held_text(job: SlurmJob) -> str:
    """Return SLURM's own reason why a job is held, and what it means."""
    reason = job.reason or job.state
    words = _HELD.get(reason, "").format(node=job.last_node or "its node (sinfo -R lists those that are down)")
    return f"{reason}: {words}" if words else reason


def fits(origin: Origin, name: str, comment: str, submit: str = "") -> bool:
    """Say whether squeue or accounting speaks of a job of this origin.

    Accounting keeps comments only where it is told to, and a site or its user may replace them.
    """
    # A job that has only just started may be called ``allocation`` for a while.
    named = not origin.name or name in (origin.name, "allocation")
    other = "srcnn-" in comment and origin.token not in comment
    return named and not other and (not submit.isdecimal() or int(submit) >= int(origin.sent_at))


def job_states(wanted: Mapping[str, Origin], settled: Mapping[str, Origin] | None = None) -> Answer:
    """Return the states of jobs by id, from one call of sacct, and one of squeue for what that does not know.

    ``settled`` are jobs that have nothing more to do: where one was put back and is held, what comes after it waits
    for ever.
    """
    if not wanted:
        return Answer()
    numbers = sorted(set(map(array_of, wanted)), key=int)
    settled, note = settled or {}, ""
    states: dict[str, SlurmJob] = {}
    try:
        columns = "JobID,State,Reason,ExitCode,NodeList,ElapsedRaw,TimelimitRaw,Submit,JobName,Comment"
        # --duplicates: also the earlier starts of a job that was put back, which say where it ran.
        asked = ["--parsable2", "--noheader", "--duplicates", f"--format={columns}", f"--jobs={','.join(numbers)}"]
        states = _from_sacct(scheduler.call("sacct", *asked, times="%s"), wanted)
    except SchedulerError as error:
        note = f"no accounting ({str(error).splitlines()[0]}): causes of jobs that ended some time ago are unknown"
    lacking = wanted.keys() - states.keys()
    if not lacking and all(states[job].stays for job in wanted):
        return Answer(_told(states), note)
    try:  # accounting may be absent, down or behind: of a job that is put back it tells its end first
        # --jobs would refuse the whole list for one number that is forgotten.
        user = f"--user={users_text(origin.owner for origin in [*wanted.values(), *settled.values()])}"
        text = scheduler.call(
            "squeue", user, "--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N|%S|%Q|%M|%l|%j|%k"
        )
    except SchedulerError as error:
        trouble = f"the scheduler does not answer ({str(error).splitlines()[0]})"
        return Answer(_told(states), trouble, answered=False, complete=not note)
    queue = _from_squeue(text, {**settled, **wanted})
    for job in queue:
        known = states.get(job)
        if job not in wanted:
            states |= {job: queue[job]} if queue[job].held_by else {}
        elif known is None:
            states[job] = queue[job]
        elif _is_newer(queue[job], known):
            states[job] = replace(queue[job], earlier_node=known.last_node)
        elif queue[job].state == "COMPLETING" and not known.alive:
            states[job] = replace(known, cleans_up=True)
    return Answer(_told(states), note, complete=not note)


def _told(states: Mapping[str, SlurmJob]) -> dict[str, JobState]:
    return {job: state.told() for job, state in states.items()}


def users_text(owners: Iterable[int | None]) -> str:
    """Return the users of whom squeue is asked: the owners of jobs, and the one who asks."""
    return ",".join(sorted({str(user) for user in [os.getuid(), *owners] if user is not None}))


def _is_newer(queued: SlurmJob, known: SlurmJob) -> bool:
    """Say whether the queue's word for a job is newer than accounting's.

    A job that still cleans up has ended all the same, unless by what SLURM puts jobs back for.
    """
    if known.stays or not queued.alive:
        return False
    return known.alive or queued.state != "COMPLETING" or known.state in PUT_BACK


def _from_squeue(text: str, wanted: Mapping[str, Origin]) -> dict[str, SlurmJob]:
    states = {}
    for line in text.splitlines():
        job, *fields = line.split("|", 9)
        if len(fields) < 9 or job not in wanted:
            continue  # a line of a comment, or somebody else's
        state, reason, node, starts, priority, elapsed, limit, name, comment = fields
        limit_s = _seconds(limit)
        if not fits(wanted[job], name, comment):
            continue
        states[job] = SlurmJob(
            state,
            "" if reason == "None" else reason,
            node=node,
            starts="" if starts == "N/A" else starts,
            priority=_number(priority),
            elapsed_s=_seconds(elapsed),
            limit_min=None if limit_s is None else limit_s // 60,
        )
    return states


def _from_sacct(text: str, wanted: Mapping[str, Origin]) -> dict[str, SlurmJob]:
    rows: list[tuple[str, str, str, str, SlurmJob]] = []  # every start of a job has one, with its steps below it
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
        known = SlurmJob(state, reason, exit_code, node, elapsed_s=_number(elapsed), limit_min=_number(limit))
        rows.append((sent, name, comment, job, known))
    jobs: dict[str, SlurmJob] = {}
    for sent, name, comment, job, known in sorted(rows, key=lambda row: row[0]):
        for element in expand(job):
            if element in wanted and fits(wanted[element], name, comment, sent):
                jobs[element] = replace(known, earlier_node=jobs[element].last_node) if element in jobs else known
    return jobs


def _seconds(text: str) -> int | None:
    """Return the seconds of a time as squeue writes it (``1-02:03:04``, ``2:03``); None for any other word."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 60 * (60 * (24 * days + hours) + minutes) + seconds


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
