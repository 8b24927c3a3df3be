"""What a study's model and metrics point to: checked before anything starts, and known by its content."""

from collections.abc import Iterable
from typing import NamedTuple

from jobs.events import MISSING, has_tensorboard
from jobs.own_check import Checked, OwnCodeError, check_own_code, own_metrics, own_model
from runner.study.config import ConfigError
from srcnn.experiment import Experiment
from srcnn.metrics import METRICS
from srcnn.models import is_own_model
from srcnn.own_code import code_digest


class ModelContent(NamedTuple):
    """Digests of what a model's settings point to, for the run's id, and what was assumed of it, in words."""

    digests: dict[str, str | None]
    assumed: str


def model_content(experiment: Experiment) -> ModelContent:
    """Return the digests of the file of weights and of the user's own code, which is not run for it.

    Raises ConfigError for a model or weights that cannot be used. Our own models are not built
    here: that would take torch and a second for every command.
    """
    config = experiment.model
    if experiment.training.tensorboard and not has_tensorboard():
        raise ConfigError(MISSING)
    code = None
    try:
        if is_own_model(config.name):
            code = code_digest(config.name)
    except ValueError as error:
        raise ConfigError(f"model.name: {error}") from error
    if config.weights_scale and not config.weights:
        raise ConfigError("model.weights_scale: is the scale of given weights, and there is no model.weights")
    weights, assumed = None, ""
    if config.weights:
        from runner.study.weights import checked_weights  # brings torch, which takes a second

        weights, assumed = checked_weights(config, experiment.data.scale)
    return ModelContent({"code": code, "weights": weights}, assumed)


def own_names(experiments: Iterable[Experiment]) -> list[str]:
    """Return the user's own models and metrics that experiments name, as ``package.module:attribute``."""
    names = [name for experiment in experiments for name in (experiment.model.name, *experiment.evaluate.metrics)]
    return [name for name in dict.fromkeys(names) if ":" in name]


def checked_own_code(experiments: Iterable[Experiment]) -> Checked:
    """Return what the user's own models and metrics do when they are imported, and what models state of themselves.

    They are imported in a process of its own. Raises ConfigError for one that cannot be used.
    """
    subjects = []
    for experiment in experiments:
        model = experiment.model
        if is_own_model(model.name):
            subjects.append(own_model(model, experiment.data))
        subjects += own_metrics(experiment.evaluate.metrics)
    try:
        return check_own_code(subjects)
    except OwnCodeError as error:
        section = {"model": "model.name", "metric": "evaluate.metrics"}[error.kind]
        raise ConfigError(f"{section}: {error}") from error


def metric_code(names: Iterable[str]) -> dict[str, str]:
    """Return the digest of the code of each metric that is the user's own, for the scoring's id. Raises ConfigError."""
    try:
        return {name: code_digest(name) for name in names if name not in METRICS}
    except ValueError as error:
        raise ConfigError(f"evaluate.metrics: {error}") from error


def network_numbers(experiment: Experiment, checked: Checked) -> tuple[int, int]:
    """Return a network's input scale, and how many numbers it learns; of somebody's own ``checked`` holds them."""
    model, scale = experiment.model, experiment.data.scale
    if model.spec:
        return model.spec.input_scale(scale), model.spec.weights(model.spec.settings(**model.settings), scale)
    stated = checked.stated[own_model(model, experiment.data)]
    return stated["scale"], stated["weights"]
