"""What a network multiplies for each pixel that it restores, counted while it restores one picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from srcnn.models.network import Network

SIDE = 96  # of the picture


def multiplications(model: Network, scale: int) -> int:
    """Return the multiplications for each restored pixel; ``scale`` is how often the network enlarges its input."""
    side = SIDE + 2 * math.ceil(model.border / scale)
    with torch.inference_mode(), _Counter() as counter:
        restored = model(torch.zeros(1, 1, side, side))
    return round(counter.operations / 2 / restored.numel())  # a product and its sum are two operations


class _Counter(TorchDispatchMode):
    """Adds up what torch's own table says of every operation.

    torch's FlopCounterMode does so too, and imports torch's compiler for it: two seconds for one number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing here is compiled; to skip the compiler torch would import it

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula: Callable[..., int] | None = flop_registry.get(func.overloadpacket)
        if formula is None:  # perhaps its parts are in the table
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        if formula is not None:
            self.operations += formula(*args, **kwargs, out_val=result)
        return result
