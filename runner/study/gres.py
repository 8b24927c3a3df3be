"""GPUs as SLURM writes them: ``gpu:2``, ``gpu:a100:1``, ``gpu:1g.10gb:2``, several with commas."""

import re

MOST_GPUS = 1000  # of one task
_SHARES = ("shard", "mps")  # parts of one GPU
_GPUS = re.compile(r"\w[\w.+-]*(:[1-9]\d{0,2})?", re.ASCII)  # a kind, which may begin with a digit (MIG, 1080ti)


def gpus_by_kind(gres: str) -> dict[str, int]:
    """Return how many GPUs of each kind there are; a GPU of no kind has the kind "". Other resources are left out."""
    counts: dict[str, int] = {}
    for item in _items(gres):
        name, *rest = item.split(":")
        if name == "gpu":
            count = int(rest.pop()) if rest and rest[-1].isdigit() else 1
            kind = rest[0] if rest else ""
            counts[kind] = counts.get(kind, 0) + count
    return counts


def names_gpu(gres: str) -> bool:
    """Say whether a GPU, or a part of one, is among some resources."""
    return len(_without_gpus(gres)) < len(_items(gres))


def without_gpus(gres: str) -> str | None:
    """Return the resources that are no GPUs; None if there are none."""
    return ",".join(_without_gpus(gres)) or None


def _without_gpus(gres: str) -> list[str]:
    return [item for item in _items(gres) if item.partition(":")[0] not in ("gpu", *_SHARES)]


def _items(gres: str) -> list[str]:
    """Return ``gpu:a100:4(S:0-1),shard:8`` as ``gpu:a100:4`` and ``shard:8``."""
    items = re.sub(r"\([^)]*\)", "", gres).split(",")
    return [item.strip().removeprefix("gres:").removeprefix("gres/") for item in items if item.strip()]


def checked_gpus(gpus: object) -> int | str:
    """Return a number of GPUs, or kinds as text. Raises ValueError for anything else."""
    if isinstance(gpus, int) and not isinstance(gpus, bool) and 0 <= gpus <= MOST_GPUS:
        return gpus
    text = gpus.replace(" ", "") if isinstance(gpus, str) else ""
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_GPUS)):
        return checked_gpus(int(text))
    if not all(_GPUS.fullmatch(item) and not _is_number(item) for item in text.split(",")):
        raise ValueError(
            f"expected a number of GPUs, or a kind and a number such as a100:1 or 1g.10gb:2, found {gpus!r}"
        )
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
