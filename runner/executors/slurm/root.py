"""Names of folders that a job of SLURM cannot be told."""

import re

from runner.executors.root import FOR_SUBMITIT, Trouble

TROUBLES = (*FOR_SUBMITIT, Trouble(re.compile(r"\\"), "SLURM loses every log whose name holds a backslash"))
