"""What a storm counted, and how it is printed."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 10  # lies and differences that are printed one by one


@dataclass
class Tally:
    """Faults by kind, resubmissions by reason, results compared by kind, differences, and lies of ``runner.status``."""

    faults: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    unfinished: int = 0
    resubmissions: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    looks: int = 0
    lies: list[str] = field(default_factory=list)

    def compare(self, found: dict, wanted: dict, name: str) -> None:
        """Count what two studies found, and note every file in which they differ."""
        self.studies += 1
        for file in sorted(found.keys() | wanted.keys()):
            kind = _KINDS[file.rsplit(".", 1)[-1]]
            if file not in found or file not in wanted:
                self.differences.append(f"{name}: {file} is in one of the two only")
                continue
            self.compared[kind] += _size(found[file])
            if found[file] != wanted[file]:
                self.differences.append(f"{name}: {file}")

    def text(self, title: str) -> str:
        """The table."""
        lines = [f"{title}: {self.faults.total()} faults, {self.studies} studies ended"]
        lines += [f"  {count:5}  {kind}" for kind, count in self.faults.most_common()]
        lines.append(f"submitted again after an order of ours (scancel, a runner killed): {self.expected.total()}")
        lines.append(f"submitted again for anything else: {self.resubmissions.total()}")
        lines += [f"  {count:5}  {reason}" for reason, count in self.resubmissions.most_common()]
        compared = ", ".join(f"{count:,} {kind}" for kind, count in self.compared.items())
        lines.append(f"differences: {len(self.differences)} (compared: {compared or 'nothing'})")
        lines += [f"  {each}" for each in self.differences[:SHOWN]]
        lines.append(f"lies of runner.status: {len(self.lies)} in {self.looks} looks")
        lines += [f"  {lie}" for lie in self.lies[:SHOWN]]
        if self.unfinished:
            lines.append(f"studies that did not end in time: {self.unfinished}")
        return "\n".join(lines)

    def is_clean(self) -> bool:
        """Whether something was compared and nothing differed, nothing was told wrong, and all ended."""
        return bool(self.compared) and not (self.differences or self.lies or self.unfinished)


_KINDS = {"parquet": "scores", "pt": "weights", "png": "pictures", "jsonl": "records of history"}


def _size(value: object) -> int:
    """How many numbers or records a result holds; a picture is one."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return sum(map(_size, value))
    return 1
