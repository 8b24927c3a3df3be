"""What submitit calls its files and its module that runs a task: none of it is promised.

Beside submitit_ways.py nobody else knows these names. setup.cfg bounds the versions of submitit, and
tests/test_submitit_ways.py says when one has changed.
"""

# After a task a node's own Python, which may be older than ours and has no submitit, imports this.
from __future__ import annotations

from pathlib import Path

# Behind the submission's folder for the stage and the job's id.
RESULT = "_0_result.pkl"
LOG = "_0_log.out"
OWN_PICKLES = ("_submitted.pkl", "_result.pkl")  # of tasks whose job is known; those of others have any name
SUBMIT = "submitit.core._submit"  # the module that runs a pickled task


def log_file(folder: Path, job: str) -> Path:
    """Return the file that takes what the task of a job prints."""
    return folder / f"{job}{LOG}"
