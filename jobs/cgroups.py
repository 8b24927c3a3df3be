"""What the control groups of this process allow it, of both versions."""

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota() -> float | None:
    """Cores' worth of time that this process may use; None if there is no limit."""
    each = [text.split() for text in _settings("cpu.max", "")]
    quotas, periods = _settings("cpu.cfs_quota_us", "cpu"), _settings("cpu.cfs_period_us", "cpu")
    each += [[quota, period] for quota, period in zip(quotas, periods, strict=False)]
    # No limit is "max" in one version and -1 in the other.
    found = [int(pair[0]) / int(pair[1]) for pair in each if len(pair) == 2 and all(map(str.isdigit, pair))]
    return min(found, default=None)


def memory_limit() -> int | None:
    """Bytes that this process may use; None if there is no limit."""
    found = [*_settings("memory.max", ""), *_settings("memory.limit_in_bytes", "memory")]
    limits = [int(text) for text in found if text.isdigit()]
    # The older version writes "no limit" as a number that no machine has.
    return min((limit for limit in limits if limit < 2**60), default=None)


def _settings(name: str, controller: str) -> Iterator[str]:
    """A setting of this process's group and of those that hold it; ``controller`` is empty for version 2."""
    try:
        lines = MEMBERSHIP.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            base = CGROUPS / controller
            folder = base / path.lstrip("/")
            for each in (folder, *folder.parents):
                if each.is_relative_to(base):
                    try:
                        yield (each / name).read_text().strip()
                    except OSError:
                        continue
