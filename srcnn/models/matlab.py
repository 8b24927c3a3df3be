"""The authors' own weights, which they published as MATLAB files."""

import io
import math
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat, whosmat

from srcnn.models.foreign import CHANNELS, LAYERS, ForeignError, kind_of
from srcnn.models.state import StateError, require_sound
from srcnn.words import told


def read_matlab(file: bytes) -> dict[str, Any]:
    """Return the weights and biases in the content of a file of the authors', by our names of the layers, in float32.

    There each kernel is flattened by columns, and filters are the last axis. Raises ForeignError, which says what the
    file is, for everything else.
    """
    try:
        arrays = loadmat(io.BytesIO(file))
        for name, _, kind in whosmat(io.BytesIO(file)):  # MATLAB stores whole numbers in fewer bytes
            if kind == "double" and arrays[name].dtype.kind in "iu":
                arrays[name] = arrays[name].astype(np.float64)
        flat = [arrays[f"weights_conv{number}"] for number in (1, 2, 3)]
        biases = [arrays[f"biases_conv{number}"] for number in (1, 2, 3)]
    except Exception as error:  # scipy raises its own and a dozen others for a file that is not MATLAB's
        kind, lack = kind_of(file), f"it has no {error.args[0]}" if isinstance(error, KeyError) else told(error)
        why = f"is {kind}" if kind and "MATLAB file" not in kind else f"holds no SRCNN weights ({lack})"
        raise ForeignError(f"{why}; expected the authors' layout, weights_conv1 to biases_conv3") from error
    # (k * k, out) for the first, (in, k * k, out) for the second, (in, k * k) for the last
    to_kernels = (lambda w: w.T[:, None], lambda w: w.transpose(2, 0, 1), lambda w: w[None])
    state: dict[str, Any] = {}
    for number, (layer, to_kernel) in enumerate(zip(LAYERS, to_kernels, strict=True)):
        before, after = CHANNELS[number : number + 2]
        try:
            kernels = to_kernel(np.asarray(flat[number]))
            side = math.isqrt(kernels.shape[-1])
            kernels = kernels.reshape(after, before, side, side).swapaxes(-1, -2)
            bias = np.asarray(biases[number]).reshape(after)
            tensors = {"weight": torch.from_numpy(kernels.copy()), "bias": torch.from_numpy(bias.copy())}
            for kind, value in tensors.items():
                require_sound(f"{'weights' if kind == 'weight' else 'biases'}_conv{number + 1}", value)
                state[f"{layer}.{kind}"] = value.float()
        except StateError as error:
            raise ForeignError(str(error)) from error
        except (ValueError, TypeError, IndexError) as error:
            raise ForeignError(
                f"weights_conv{number + 1} and biases_conv{number + 1} are not arrays of {before} to {after} "
                f"channels ({told(error)})"
            ) from error
    return state
