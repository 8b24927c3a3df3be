"""Trainings that go wrong without an error, recognised by what the network returns."""

import torch

from srcnn.batches import Patches
from srcnn.models.enlarged import Bicubic
from srcnn.models.network import Network
from srcnn.steps import inner

SAMPLE = 64  # patches, spread over the training set
FLAT = 0.05  # spread of the output over that of the originals; a network that learns anything is near 1
FLAT_TARGETS = 1e-4  # of originals; rounding alone gives 1e-8
IDLE = 1e-3  # mean change of the input over that of the originals against it

CONSTANT_OUTPUT = (
    "the network returns one grey, whatever the picture (with the true colours added this scores 13.33 dB). "
    "Its weights began so small, or the rate is so low for a mean-reduced loss, that nothing is learnt: use "
    "model.init=default, model.residual=true, training.optimiser=adam with training.learning_rate=2e-3"
)
UNCHANGED_INPUT = (
    "the network returns its input, so it scores as bicubic does: nothing was learnt. "
    "Raise training.learning_rate (2e-3 suits adam) or use model.init=default"
)


def symptom(model: Network, patches: Patches) -> str | None:
    """Return what is wrong with a network that returns a constant or its input, and what to change; else None.

    A sample of ``patches`` goes through the network, which is left in evaluation mode.
    """
    count = len(patches)
    if not count:
        return None
    index = torch.linspace(0, count - 1, min(SAMPLE, count), device=patches.device).long()
    model.eval()
    with torch.inference_mode():
        inputs, targets = patches.batch(index)
        restored = model(inputs)
        if model.scale > 1:
            inputs = Bicubic(model.scale).to(patches.device)(inputs)
        inputs, targets = inner(inputs, model.border), inner(targets, model.border)
        if float(targets.std()) < FLAT_TARGETS:
            return None  # flat training pictures: no output could tell
        if float(restored.std()) < FLAT * float(targets.std()):
            return CONSTANT_OUTPUT
        error = float((targets - inputs).abs().mean())
        if error > 0 and float((restored - inputs).abs().mean()) < IDLE * error:
            return UNCHANGED_INPUT
    return None
