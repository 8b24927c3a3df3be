"""The jobs of a study that SLURM has at this moment, of whichever submission."""

from collections.abc import Sequence

from runner.executors.job_state import QueuedJob
from runner.executors.slurm import scheduler
from runner.executors.slurm.states import fits, users_text
from runner.record.submission import Submission, sent_jobs, token_in


def jobs_in_queue(sent: Sequence[Submission]) -> list[QueuedJob]:
    """Return those jobs of some submissions that are queued, run or are just ending. Raises SchedulerError."""
    if not sent:
        return []
    by_token = {array.token: array for submission in sent for array in submission.arrays}
    by_id = {job.id: job for job in sent_jobs(sent)}
    who = f"--user={users_text(submission.owner for submission in sent)}"
    text = scheduler.call("squeue", "--noheader", "--array", who, "--format=%i|%T|%V|%j|%k", times="%s")
    jobs = []
    for line in text.splitlines():
        job, *fields = line.split("|", 4)
        if len(fields) < 4:
            continue  # of a comment
        state, submit, name, comment = fields
        # Not by its number alone: a cluster that was set up anew counts from 1 again, and so does one that has
        # used all its numbers; nor by its command, which is a path that may hold anything.
        token = token_in(comment)
        if token:
            array = by_token.get(token)
        else:  # a site, or its user, gave it another comment
            array = by_id[job].array if job in by_id and fits(by_id[job].origin, name, comment, submit) else None
        if array:
            keys = [key for key in array.keys(job) if key[1] not in array.taken_back]
            jobs += [QueuedJob(job, key, state, array.token, state != "COMPLETING") for key in keys]
    return jobs
