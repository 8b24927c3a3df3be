"""``python -m``: one task of several that share a job, which its supervisor gives on standard input."""

import pickle
import signal
import sys


def main() -> int:
    """Do the task, whose error is passed on; return 0, or 130 if it was interrupted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started slurmd may have it ignored
    try:
        pickle.load(sys.stdin.buffer)()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
