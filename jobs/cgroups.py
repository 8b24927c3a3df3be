"""The limits that control groups, of both versions, set this process."""

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota() -> float | None:
    """Return how many cores' worth of time this process may use; None if there is no limit."""
    pairs = [text.split() for text in _settings("cpu.max", "")]
    quotas, periods = _settings("cpu.cfs_quota_us", "cpu"), _settings("cpu.cfs_period_us", "cpu")
    pairs += [[quota, period] for quota, period in zip(quotas, periods, strict=False)]
    # No limit is "max" in one version and -1 in the other.
    limits = [int(pair[0]) / int(pair[1]) for pair in pairs if len(pair) == 2 and all(map(str.isdigit, pair))]
    return min(limits, default=None)


def memory_limit() -> int | None:
    """Return how many bytes this process may use; None if there is no limit."""
    texts = [*_settings("memory.max", ""), *_settings("memory.limit_in_bytes", "memory")]
    limits = [int(text) for text in texts if text.isdigit()]
    # The older version writes "no limit" as a number that no machine has.
    return min((limit for limit in limits if limit < 2**60), default=None)


def _settings(name: str, controller: str) -> Iterator[str]:
    """Give a setting of this process's group and of the groups around it; ``controller`` is empty for version 2."""
    try:
        lines = MEMBERSHIP.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            base = CGROUPS / controller
            folder = base / path.lstrip("/")
            for group in (folder, *folder.parents):
                if group.is_relative_to(base):
                    try:
                        yield (group / name).read_text().strip()
                    except OSError:
                        continue
