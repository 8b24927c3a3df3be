"""Building a model by its name, one of MODELS or the user's own, and checking that it keeps the contract."""

from typing import Any

import torch

from srcnn.models import CONTRACT, MODELS, ModelError, is_own_model
from srcnn.models.initial import INITS
from srcnn.models.srcnn import SRCNN
from srcnn.own_code import own_attribute
from srcnn.words import said, told


def build_model(name: str, *, residual: bool, seed: int, init: str = "default") -> SRCNN:
    """Return a new model of this name, initialised from ``seed`` alone.

    ``init``: ``default`` is torch's own; ``gaussian`` is the paper's N(0, 0.001) with zero biases,
    which only very large learning rates escape. Raises ModelError if the name leads nowhere.
    """
    build = _find(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model: SRCNN = build(residual=residual)
        except TypeError as error:
            why = f"cannot be built with residual={residual}: {said(error)}; {CONTRACT}"
            raise ModelError(f"model {name!r} {why}") from error
        except (Exception, SystemExit) as error:  # which would end the command, as if all were well
            if name in MODELS or isinstance(error, MemoryError):
                raise
            raise ModelError(f"model {name!r} raised {told(error)} when it was built") from error
        INITS[init](model)
    return model


def check_model(name: str, *, residual: bool, patch_size: int) -> None:
    """Raise ModelError unless the model keeps the contract on training patches of this size.

    The error says what the model states, what it returned and what was expected.
    """
    model = build_model(name, residual=residual, seed=0)
    if not isinstance(model, torch.nn.Module):
        raise ModelError(f"model {name!r} is a {type(model).__name__}; {CONTRACT}")
    border, scale = _stated(model, name, "border"), _stated(model, name, "scale")
    if scale != 1:
        raise ModelError(
            f"model {name!r} states scale {scale}: it enlarges what it is given, but training and rendering feed "
            "the interpolated picture; expected scale 1"
        )
    if patch_size <= 2 * border:
        raise ModelError(
            f"model {name!r} loses {border} pixels at each side, so nothing is left of training patches of "
            f"{patch_size}x{patch_size}; give data.patch_size more than {2 * border}"
        )
    for height, width in ((patch_size, patch_size), (patch_size + 3, patch_size + 8)):
        expected = (2, 1, height - 2 * border, width - 2 * border)
        try:
            with torch.no_grad():
                shape = tuple(model.eval()(torch.zeros(2, 1, height, width)).shape)
        except Exception as error:
            raise ModelError(f"model {name!r} fails on luma (2, 1, {height}, {width}): {told(error)}") from error
        if shape != expected:
            raise ModelError(
                f"model {name!r} states border {border}, so luma (2, 1, {height}, {width}) must give {expected}, "
                f"but it gave {shape}"
            )


def _find(name: str) -> Any:
    """Return what builds the model. Raises ModelError if there is no such thing."""
    module, _, attribute = (MODELS[name].builder if name in MODELS else name).partition(":")
    if name not in MODELS and not is_own_model(name):
        raise ModelError(f"unknown model {name!r}; known: {', '.join(MODELS)}, or package.module:Class of your own")
    try:
        return own_attribute(f"{module}:{attribute}")
    except ValueError as error:
        raise ModelError(f"model {name!r}: {error}") from error


def _stated(model: Any, name: str, what: str) -> int:
    """Return a number that the model states. Raises ModelError if it states none."""
    value = getattr(model, what, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ModelError(f"model {name!r} states {what} {value!r}, expected a whole number; {CONTRACT}")
    return value
