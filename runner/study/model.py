"""What a study's models, losses and metrics point to: checked before anything starts, and known by its content."""

from collections.abc import Iterable
from typing import NamedTuple

from jobs.events import MISSING, has_tensorboard
from jobs.own_check import Checked, OwnCode, OwnCodeError, check_own_code, own_loss, own_metrics, own_model
from runner.study.config import LOSS, ConfigError
from srcnn.experiment import Experiment
from srcnn.metrics import METRICS
from srcnn.models import is_own_model
from srcnn.own_code import code_digest

MODEL, METRIC = "model.name", "evaluate.metrics"
PAGES = {MODEL: "how-to/network.md", LOSS: "how-to/loss.md", METRIC: "how-to/metric.md"}  # that help with each


class ModelContent(NamedTuple):
    """Digests of what the settings of model and loss point to, for the run's id, and what was assumed, in words."""

    digests: dict[str, str | None]
    assumed: str


def model_content(experiment: Experiment) -> ModelContent:
    """Return the digests of the file of weights and of the user's own code, which is not run for it.

    Raises ConfigError for a model, a loss or weights that cannot be used. Our own models are not built
    here: that would take torch and a second for every command.
    """
    config = experiment.model
    if experiment.training.tensorboard and not has_tensorboard():
        raise ConfigError(MISSING)
    digests: dict[str, str | None] = {}
    for content, key, name in (("code", MODEL, config.name), ("loss", LOSS, experiment.training.loss.name)):
        try:
            digests[content] = code_digest(name) if ":" in name else None
        except ValueError as error:
            raise ConfigError(f"{key}: {error}", PAGES[key]) from error
    if config.weights_scale and not config.weights:
        raise ConfigError(
            "model.weights_scale: is the scale of given weights, and there is no model.weights", PAGES[MODEL]
        )
    digests["weights"], assumed = None, ""
    if config.weights:
        from runner.study.weights import checked_weights  # brings torch, which takes a second

        digests["weights"], assumed = checked_weights(config, experiment.data.scale)
    return ModelContent(digests, assumed)


def own_names(experiments: Iterable[Experiment]) -> list[str]:
    """Return the user's own models, losses and metrics that experiments name, as ``package.module:attribute``."""
    names = [
        name
        for experiment in experiments
        for name in (experiment.model.name, experiment.training.loss.name, *experiment.evaluate.metrics)
    ]
    return [name for name in dict.fromkeys(names) if ":" in name]


def checked_own_code(experiments: Iterable[Experiment]) -> Checked:
    """Return what the user's own code does when it is imported, and what models state of themselves.

    Models, losses and metrics are imported in a process of its own. Raises ConfigError for one that cannot be used.
    """
    experiments = list(experiments)
    subjects = []
    for experiment in experiments:
        model = experiment.model
        if is_own_model(model.name):
            subjects.append(own_model(model, experiment.data))
        subjects += own_metrics(experiment.evaluate.metrics)
    checked = _checked(subjects)
    losses = [
        own_loss(experiment.training.loss, experiment.data, numbers.border, numbers.input_scale)
        for experiment in experiments
        if experiment.training.epochs and is_own_model(experiment.training.loss.name)
        for numbers in [network_numbers(experiment, checked)]
    ]
    return Checked(list(dict.fromkeys([*checked.notes, *_checked(losses).notes])), checked.stated)


def _checked(subjects: list[OwnCode]) -> Checked:
    try:
        return check_own_code(subjects)
    except OwnCodeError as error:
        key = {"model": MODEL, "loss": LOSS, "metric": METRIC}[error.kind]
        raise ConfigError(f"{key}: {error}", PAGES[key]) from error


def metric_code(names: Iterable[str]) -> dict[str, str]:
    """Return the digest of the code of each metric that is the user's own, for the scoring's id. Raises ConfigError."""
    try:
        return {name: code_digest(name) for name in names if name not in METRICS}
    except ValueError as error:
        raise ConfigError(f"{METRIC}: {error}", PAGES[METRIC]) from error


class NetworkNumbers(NamedTuple):
    """A network's input scale, the output pixels that it loses at each side, and what it takes.

    ``weights``: how many numbers it learns; ``multiplications``: for each pixel of the restored picture.
    """

    input_scale: int
    border: int
    weights: int
    multiplications: int


def network_numbers(experiment: Experiment, checked: Checked) -> NetworkNumbers:
    """Return a network's numbers; of somebody's own ``checked`` holds them.

    Raises ConfigError for patches of such a network that the loss cannot compare.
    """
    model, scale = experiment.model, experiment.data.scale
    if spec := model.spec:
        own = spec.settings(**model.settings)
        products = spec.multiplications(own, scale) * model.passes
        return NetworkNumbers(spec.input_scale(scale), spec.border, spec.weights(own, scale), products)
    stated = checked.stated[own_model(model, experiment.data)]
    if fault := experiment.misfit(stated["border"], stated["scale"]):
        raise ConfigError(fault)
    products = stated["multiplications"] * model.passes
    return NetworkNumbers(stated["scale"], stated["border"], stated["weights"], products)
