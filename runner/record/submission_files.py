"""What the files in a submission's folder are called."""

# After a task a node's own Python, which may be older than ours, imports this.
from __future__ import annotations

JOBS = "jobs.json"  # the arrays that were sent
PROVENANCE = "provenance.json"  # what was submitted, from where, with which versions
CODE = "code"  # the folder of the code that was submitted
KILL_COUNT = ".kills"  # the end of the name of the file that counts how often a task was killed
