"""Ids by content: what was made in one way has one id, wherever and whenever it is asked for.

An id is a hash of what differs from the defaults of a section's version, so that a new setting with a default changes
none. Whoever changes a default raises the version of the section. What settings only point to (pictures, weights,
code) is in the id by its content; how work is divided, and where it is done, is in none.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from srcnn.experiment import DataConfig, Experiment, LossConfig, ModelConfig, TrainingConfig
from srcnn.metrics import METRICS
from srcnn.section import Section

DEGRADATION = frozenset({"scale", "blur_sigma", "resampling", "crop_to_scale", "squeeze_to_scale", "luma"})
PATCHES = DEGRADATION | {
    "patch_size",
    "stride",
    "holdout",
    "holdout_seed",
    "train_size",
    "train_resampling",
    "dtype",
}
# Settings that are in no id: they change no result, or count by the content of what they point to.
NOT_OF_TRAINING = frozenset({"device", "deterministic", "monitor_pictures", "tensorboard"})
NOT_OF_MODEL = frozenset({"weights"})
NOT_OF_SCORING = frozenset({"shards", "workers", "backend"})


def short_hash(letter: str, value: Any) -> str:
    """Return ``letter`` and ten hex digits of the SHA-256 of a JSON value; never mistaken for a number."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return letter + hashlib.sha256(text.encode()).hexdigest()[:10]


def differences(section: Section, of: Collection[str] | None = None, but: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings of a section that differ from the defaults of its version, and that version.

    ``of`` limits them to some, ``but`` leaves some out.
    """
    fields = type(section).model_fields
    names = [
        name
        for name in fields
        if (of is None or name in of)
        and name not in but
        and getattr(section, name) != fields[name].get_default(call_default_factory=True)
    ]
    return {"version": section.version, **section.model_dump(mode="json", include=set(names))}


def data_id(data: DataConfig, train_set_id: str, input_scale: int = 1) -> str:
    """Return the name of training data: the pictures' content, the degradation, the cutting.

    ``input_scale`` is that of the network: 1 if it is fed the interpolated picture, else the study's.
    """
    about = {"train": train_set_id, "data": differences(data, PATCHES)}
    return short_hash("d", about if input_scale == 1 else about | {"fed": "low resolution"})


def run_id(experiment: Experiment, patches: str, model_content: Mapping[str, str | None] | None = None) -> str:
    """Return the id of a training: of the data_id of its patches, the model, the training and the seed.

    ``model_content`` holds digests of what settings only point to: a file of weights, the code of a user's own class,
    that of a loss of one's own. The weights' path itself does not count.
    """
    content = {name: digest for name, digest in (model_content or {}).items() if digest}
    about = {
        "data": patches,
        "model": differences(experiment.model, but=NOT_OF_MODEL) | _own_settings(experiment.model),
        "content": content,
        "training": _training(experiment.training),
        "seed": experiment.seed,
    }
    return short_hash("r", about)


def _own_settings(model: ModelConfig) -> dict[str, Any]:
    """Return what of a network's own settings differs from their defaults; all of them for a network of the user's."""
    if model.spec is None:
        return {"settings": model.settings} if model.settings else {}
    chosen = differences(model.spec.settings(**model.settings))
    return {"settings": chosen} if len(chosen) > 1 else {}


def _training(training: TrainingConfig) -> dict[str, Any]:
    about = differences(training, but=NOT_OF_TRAINING)
    return about | {"loss": _loss(training.loss)} if "loss" in about else about


def _loss(loss: LossConfig) -> str | dict[str, Any]:
    """Return a loss's name, with what differs from the defaults of its settings; all of them for one of the user's."""
    if loss.spec is None:
        return {"name": loss.name, "settings": loss.settings} if loss.settings else loss.name
    chosen = differences(loss.spec.settings(**loss.settings))
    return {"name": loss.name, "settings": chosen} if chosen != {"version": 1} else loss.name


def degradation_id(data: DataConfig, set_ids: Mapping[str, str]) -> str:
    """Return the id of a baseline: of the degradation and the content of the sets that it is applied to."""
    return short_hash("b", {"sets": dict(set_ids), "data": differences(data, DEGRADATION)})


def eval_id(experiment: Experiment, set_ids: Mapping[str, str], metric_code: Mapping[str, str] | None = None) -> str:
    """Return the id of a scoring: of the sets' content, protocols, crops, upsamplers, zooms, metrics and definitions.

    ``metric_code`` holds digests of the code of the user's own metrics.
    """
    evaluate = experiment.evaluate
    # The user's own have no version: their code is in the id.
    versions = {name: METRICS[name].version if name in METRICS else 1 for name in evaluate.metrics}
    about = {
        "sets": dict(set_ids),
        "evaluate": differences(evaluate, but=NOT_OF_SCORING),
        "versions": versions,
        "code": dict(metric_code or {}),
    }
    return short_hash("e", about)
