"""Networks built by name, and the check that one keeps the contract."""

from collections.abc import Mapping
from typing import Any

import torch

from srcnn.models import MODELS, ModelError, is_own_model
from srcnn.models.initial import INITS
from srcnn.models.multiplications import multiplications
from srcnn.models.network import Network
from srcnn.own_code import own_attribute
from srcnn.words import said, told

CONTRACT = (
    "a model is a torch.nn.Module built with residual=True or False that states border (output pixels lost at each "
    "side), scale (1: it is fed the interpolated picture; the study's scale: the low-resolution one) and reach (how "
    "many input pixels away an output pixel depends on)"
)
NUMBERS = ("border", "scale", "reach")


def build_model(
    name: str,
    *,
    residual: bool,
    seed: int,
    init: str = "default",
    settings: Mapping[str, Any] | None = None,
    scale: int = 3,
) -> Network:
    """Return a new network of this name, initialised from ``seed`` alone.

    ``settings`` are the network's own; ``scale`` is the study's, for a network of the table that is fed low
    resolution. ``init``: ``default`` is torch's own; ``gaussian`` is the paper's N(0, 0.001) with zero biases, which
    only very large learning rates escape. Raises ModelError if the name leads nowhere.
    """
    build = _find(name)
    words = {"residual": residual, **(settings or {})}
    if name in MODELS:
        spec = MODELS[name]
        words = {"residual": residual, **spec.settings(**(settings or {})).model_dump()}
        if spec.fed == "low resolution":
            words["scale"] = scale
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model: Network = build(**words)
        except TypeError as error:
            asked = ", ".join(f"{word}={value!r}" for word, value in words.items())
            why = f"cannot be built with {asked}: {said(error)}; {CONTRACT}"
            raise ModelError(f"model {name!r} {why}") from error
        except (Exception, SystemExit) as error:  # which would end the command, as if all were well
            if name in MODELS or isinstance(error, MemoryError):
                raise
            raise ModelError(f"model {name!r} raised {told(error)} when it was built") from error
        if isinstance(model, torch.nn.Module):
            INITS[init](model)
    return model


def check_model(
    name: str, *, residual: bool, patch_size: int, scale: int, settings: Mapping[str, Any] | None = None
) -> dict[str, int]:
    """Return the numbers that a network states, if it keeps the contract on a study's patches.

    With them go ``weights``, how many numbers it learns, and ``multiplications`` for each restored pixel.
    ``patch_size`` and ``scale`` are the study's. Raises ModelError that says what it states, what it returned and what
    was expected.
    """
    model = build_model(name, residual=residual, seed=0, settings=settings, scale=scale)
    if not isinstance(model, torch.nn.Module):
        raise ModelError(f"model {name!r} is a {type(model).__name__}; {CONTRACT}")
    stated = {what: _stated(model, name, what) for what in NUMBERS}
    border, own = stated["border"], stated["scale"]
    if own not in (1, scale):
        raise ModelError(
            f"model {name!r} states scale {own}, but the study's data.scale is {scale}; expected that, or 1 for a "
            "network that is fed the interpolated picture"
        )
    side = patch_size // own
    if side * own <= 2 * border:
        raise ModelError(
            f"model {name!r} loses {border} pixels at each side, so nothing is left of training patches of "
            f"{patch_size}x{patch_size}; give data.patch_size more than {2 * border}"
        )
    for height, width in ((side, side), (side + 3, side + 8)):
        expected = (2, 1, height * own - 2 * border, width * own - 2 * border)
        try:
            with torch.no_grad():
                shape = tuple(model.eval()(torch.zeros(2, 1, height, width)).shape)
        except Exception as error:
            raise ModelError(f"model {name!r} fails on luma (2, 1, {height}, {width}): {told(error)}") from error
        if shape != expected:
            raise ModelError(
                f"model {name!r} states border {border} and scale {own}, so luma (2, 1, {height}, {width}) must give "
                f"{expected}, but it gave {shape}"
            )
    counted = {"weights": sum(parameter.numel() for parameter in model.parameters())}
    return stated | counted | {"multiplications": multiplications(model, own)}


def _find(name: str) -> Any:
    module, _, attribute = (MODELS[name].builder if name in MODELS else name).partition(":")
    if name not in MODELS and not is_own_model(name):
        raise ModelError(f"unknown model {name!r}; known: {', '.join(MODELS)}, or package.module:Class of your own")
    try:
        return own_attribute(f"{module}:{attribute}")
    except ValueError as error:
        raise ModelError(f"model {name!r}: {error}") from error


def _stated(model: Any, name: str, what: str) -> int:
    value = getattr(model, what, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < (what == "scale"):
        raise ModelError(f"model {name!r} states {what} {value!r}, expected a whole number; {CONTRACT}")
    return value
