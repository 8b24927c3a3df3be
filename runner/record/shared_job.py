"""What the state of a job that several tasks share means for one of them: pure."""

from dataclasses import replace

from runner.executors.job_state import JobState
from runner.record.submission import SentArray
from srcnn.schema import Outcome

ROOM = "room in its job"


def of_one_task(
    job: JobState | None, array: SentArray, task: str, outcome: Outcome | None, lacking: bool, busy: int
) -> JobState | None:
    """Return the state that the job would have if it were the task's alone; None if it does nothing more for it.

    ``outcome`` is that of the task's last attempt in this job, ``lacking`` whether something failed that it needs,
    ``busy`` how many tasks the job does now.
    """
    has_ended = outcome in ("done", "failed")
    if task in array.taken_back and not has_ended:
        ending = outcome == "running" and job is not None and job.alive
        return JobState("ended", "CANCELLED", end="cancelled", started=outcome is not None, ending=ending)
    if job is None or not job.alive:
        return job
    if has_ended or (lacking and outcome is None and job.phase == "running"):
        return None
    if job.phase == "running" and outcome != "running" and busy >= array.at_once:
        return replace(job, phase="waiting", why=ROOM)
    return job
