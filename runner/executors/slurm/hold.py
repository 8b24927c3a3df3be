"""``python -I -S .../hold.py ARGUMENTS``: Python with these arguments, and signals that wait until it can obey them.

SLURM may warn or preempt a task in its first seconds, while Python still imports. The signal would kill it then,
and SLURM take it for failed. So it is blocked before Python starts, which outlasts ``exec``, and let through once
submitit's handlers are there.
"""

# This file is run by itself, before anything is imported: what it imports must be quick and the standard library's.
import os
import signal
import sys

VARIABLE = "SUBMITIT_PREEMPT_SIGNAL"  # by which submitit warns with another signal


def warning() -> signal.Signals:
    """Return the signal with which SLURM warns of a time limit or a preemption."""
    return signal.Signals[f"SIG{os.environ.get(VARIABLE, 'USR2')}"]


def _held() -> set[signal.Signals]:
    """Return the signals that submitit handles and that would end a process without a handler."""
    return {warning(), signal.SIGTERM}


def hold() -> None:
    """Let the signals wait, also for what is started from here on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _held())


def release() -> None:
    """Let the signals through; one that has waited arrives at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _held())


def main() -> None:
    """Become the Python that was asked for, with the signals held."""
    hold()
    for number in _held():  # the shell that started this ignores them
        signal.signal(number, signal.SIG_DFL)
    script = len(sys.orig_argv) - len(sys.argv)
    options = sys.orig_argv[1 : script - 2]  # without -I -S
    os.execv(sys.executable, [sys.executable, *options, *sys.argv[1:]])


if __name__ == "__main__":
    main()
