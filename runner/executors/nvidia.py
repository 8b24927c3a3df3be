"""The GPUs that ``nvidia-smi -L`` lists."""

import re
from dataclasses import dataclass, field

from jobs.gpus import nvidia_smi

_CARD = re.compile(r"GPU (\d+): (.*?) *\(UUID: (GPU-[^)]+)\)")
_PART = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)")


@dataclass(frozen=True)
class Card:
    """One GPU; ``parts`` are the UUIDs of what it was divided into (MIG)."""

    index: int
    name: str
    uuid: str
    parts: list[str] = field(default_factory=list)


def listed_cards() -> tuple[list[Card], str]:
    """Return the GPUs of this machine; if there are none, nvidia-smi's complaint too."""
    lines, complaint = nvidia_smi("-L")
    cards: list[Card] = []
    for line in lines:
        if card := _CARD.match(line):
            cards.append(Card(int(card[1]), card[2], card[3]))
        elif (part := _PART.match(line)) and cards:
            cards[-1].parts.append(part[1])
    return cards, complaint
