"""States from files: weights that are not finite numbers of a network's kind and shape are refused by name.

torch casts integers and rounds float64 without a word, and scores what comes of nan as if it were a picture.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from srcnn.models.network import Network


class StateError(ValueError):
    """The error of a weight that a network cannot have: which, what it is, and what was expected."""


def load_state(model: Network, state: Mapping[str, Any]) -> None:
    """Give a model the weights of a state. Raises StateError, and then leaves the model as it is."""
    expected = model.state_dict()
    lacking, unknown = sorted(expected.keys() - state.keys()), sorted(map(str, state.keys() - expected.keys()))
    if lacking or unknown:
        words = [f"lacks {', '.join(lacking[:6])}"] if lacking else []
        words += [f"holds {', '.join(unknown[:6])}, which the network does not have"] if unknown else []
        raise StateError(" and ".join(words))
    trained = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    for name, value in expected.items():
        if not isinstance(value, Tensor):  # what a class of the user's own keeps besides
            continue
        require_sound(name, state[name], value.dtype, finite=name in trained)
        if state[name].shape != value.shape:
            raise StateError(f"{name} is {tuple(state[name].shape)}, expected {tuple(value.shape)}")
    model.load_state_dict(state)


def require_sound(name: str, value: Any, wanted: torch.dtype = torch.float32, *, finite: bool = True) -> None:
    """Raise StateError, which says what the value is, unless it is a plain tensor of numbers that ``wanted`` can hold.

    Buffers need not be ``finite``: masks hold infinity.
    """
    fault = _fault(value, wanted, finite)
    if fault:
        raise StateError(f"{name} {fault}")


def _fault(value: Any, wanted: torch.dtype, finite: bool) -> str:
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, expected a tensor"
    if value.is_quantized or value.is_nested or value.layout != torch.strided or value.device.type != "cpu":
        kinds = {"quantised": value.is_quantized, "nested": value.is_nested, "on no device": value.is_meta}
        kind = next((kind for kind, so in kinds.items() if so), "sparse")
        return f"is {kind}, expected a plain tensor of {wanted}"
    narrow = value.is_floating_point() and value.element_size() < 2  # float8, which has no arithmetic
    if narrow or value.is_complex() or value.is_floating_point() != wanted.is_floating_point:
        return f"holds {value.dtype}, expected {wanted}"
    if not (finite and wanted.is_floating_point):
        return ""
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        return f"holds nan or infinity ({bad} of {value.numel()} values)"
    if not bool(torch.isfinite(value.to(wanted)).all()):
        return f"holds {float(value.double().abs().max()):.3g}, which {wanted} cannot"
    return ""
