"""Arrays whose number nobody wrote down: the process that sent them was killed before it could.

What was about to be sent is on record, with the token that the job's comment carries. So the array is
found in the queue, or, once it has left that, by the record of a task of it. An array that is found
nowhere was never sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobs.attempt import attempt_files, read_attempt
from runner.executors.slurm import scheduler
from runner.executors.slurm.queued import jobs_in_queue
from runner.record.array_ids import array_of
from runner.record.submission import SentArray, Submission, sent_jobs
from srcnn.paths import StudyPaths


def find_unrecorded(paths: StudyPaths, sent: Sequence[Submission]) -> list[Submission]:
    """Return submissions of a study, which come oldest first, also with the numbers that are not on record.

    Raises SchedulerError if one has to be looked for and SLURM does not answer.
    """
    numbers = _numbers(paths, sent)
    for submission in sent:
        submission.arrays = [_numbered(array, numbers) for array in submission.arrays]
    return list(sent)


def take_on_record(paths: StudyPaths, sent: Sequence[Submission]) -> list[str]:
    """Write down numbers that are not on record, complete what was sent, and return a line for each such array.

    The caller holds the study's lock. An array that was sent again meanwhile is cancelled.
    Raises SchedulerError if SLURM does not answer.
    """
    numbers = _numbers(paths, sent)
    lines = []
    for place, submission in enumerate(sent):
        later = {job.key for job in sent_jobs(sent[place + 1 :])}
        for array in submission.arrays:
            job = numbers.get(array.token)
            if not job:
                continue
            submission.number(array, job)
            known = _numbered(array, numbers)
            what = f"{array.stage} job {job} was sent by a process that was killed"
            if any((known.stage, task) in later for task in known.tasks):
                scheduler.cancel([job])
                lines.append(f"{what}, and sent again since: it is cancelled")
            else:
                _name_pickles(submission.folder / array.stage, known)
                lines.append(f"{what}; it is known now")
    return lines


def _numbered(array: SentArray, numbers: Mapping[str, str]) -> SentArray:
    return replace(array, job=numbers.get(array.token, array.job))


def _numbers(paths: StudyPaths, sent: Sequence[Submission]) -> dict[str, str]:
    """Return the numbers of arrays that are on record without one, by token."""
    unknown = [(submission, array) for submission in sent for array in submission.arrays if not array.job]
    if not unknown:
        return {}
    queue = {job.token: array_of(job.id) for job in jobs_in_queue(sent)}
    numbers = {}
    for submission, array in unknown:
        number = queue.get(array.token) or _number_in_attempts(paths, submission, array)
        if number:
            numbers[array.token] = number
    return numbers


def _number_in_attempts(paths: StudyPaths, submission: Submission, array: SentArray) -> str | None:
    for task in array.tasks:
        for folder in (paths.attempts, paths.run(task.partition(".")[0]).attempts):
            for attempt in map(read_attempt, attempt_files(folder, array.stage, task)):
                if attempt and attempt.job and attempt.submission == submission.folder.name:
                    return array_of(attempt.job)
    return None


def _name_pickles(folder: Path, array: SentArray) -> None:
    """Name each task's pickle after its job."""
    from runner.executors.submitit_ways import name_after, unsent_calls  # brings submitit

    ids = dict(zip(array.tasks, array.ids, strict=True))
    for file, call in unsent_calls(folder):
        if call.name in ids:
            name_after(file, ids[call.name])
