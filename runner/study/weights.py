"""Given weights, checked against the model that takes them before anything starts."""

from pathlib import Path

from runner.study.config import ConfigError
from srcnn.experiment import ModelConfig
from srcnn.models import MODELS
from srcnn.models.build import build_model
from srcnn.models.state import StateError, load_state
from srcnn.models.weights import WeightsError, read_weights

PAGE = "how-to/network.md"


def checked_weights(config: ModelConfig, scale: int) -> tuple[str, str]:
    """Return the digest of the file of weights, and in words what was assumed of them; ``scale`` is the study's.

    Raises ConfigError for weights that do not fit the model.
    """
    path = Path(str(config.weights))
    try:
        weights = read_weights(path, config.stated_scale)
    except WeightsError as error:
        raise ConfigError(f"model.weights: {error}", PAGE) from error
    if (weights.name, weights.residual) != (config.name, config.residual):
        remedy = (
            f"set model.name={weights.name} and model.residual={str(weights.residual).lower()}"
            if weights.name in MODELS
            else f"the networks that are known are {', '.join(MODELS)}: choose another file"
        )
        raise ConfigError(
            f"model.weights: {path.name} holds {weights.name} with residual={str(weights.residual).lower()}, but the "
            f"study says {config.name} with residual={str(config.residual).lower()}; {remedy}",
            PAGE,
        )
    try:
        model = build_model(config.name, residual=config.residual, seed=0, settings=config.settings, scale=scale)
        load_state(model, weights.state)
    except StateError as error:
        raise ConfigError(f"model.weights: {path.name} does not fit {config.name}: {error}", PAGE) from error
    return weights.content, weights.assumed
