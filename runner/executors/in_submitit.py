"""What a task that submitit has started learns of its place, from inside."""

from dataclasses import dataclass

from runner.executors.inside import Inside


@dataclass(frozen=True)
class InSubmitit(Inside):
    """A process of submitit's, which has a log of its own."""

    def log(self) -> str | None:
        """Return the file that takes what the task prints."""
        from runner.executors.submitit_ways import own_log  # brings submitit, which is there where a task runs

        return own_log()
