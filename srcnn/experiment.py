"""The scientific configuration of one experiment, and the short hashes that name its results.

Sections are frozen; unknown keys are refused. Only what changes results enters a hash, so a run
moved to another machine, folder or partition keeps its name.
"""

import difflib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from srcnn.bounds import MOST_WORKERS
from srcnn.color import Standard
from srcnn.deprocess import Standardisation
from srcnn.losses import LOSSES, LossSpec, unfit
from srcnn.metrics import DEFINITIONS, METRICS, QUICK_METRICS, Definition, expanded
from srcnn.models import MODELS, is_own_model
from srcnn.models.spec import NetworkSpec
from srcnn.paths import is_set_name
from srcnn.protocols import PROTOCOLS
from srcnn.schedules import SCHEDULES
from srcnn.section import Section
from srcnn.upsample import UPSAMPLERS
from srcnn.words import said


def one_of(kind: str, table: Iterable[str]) -> AfterValidator:
    """Return a validator that accepts the names in a table and suggests the nearest one otherwise."""
    return AfterValidator(lambda name: _listed(kind, table, name))


def faults(error: Exception) -> str:
    """Return what is wrong with settings, in one line; pydantic's own text has a line for each and an address."""
    if not isinstance(error, ValidationError):
        return said(error)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}" for fault in error.errors()
    )


def _listed(kind: str, table: Iterable[str], name: str) -> str:
    if name in table:
        return name
    near = difflib.get_close_matches(name.lower(), table, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown {kind} {name!r}; {hint}known: {', '.join(table)}")


def _own_or_one_of(kind: str, table: Iterable[str], attribute: str) -> AfterValidator:
    """Return a validator that accepts the names in a table and those of the user's own code.

    Whether that exists is checked before a study starts, in a process of its own.
    """

    def named(name: str) -> str:
        if ":" in name and not is_own_model(name):
            raise ValueError(f"a {kind} of your own is named package.module:{attribute}, not {name!r}")
        if ":" not in name and name not in table:
            near = difflib.get_close_matches(name.lower(), table, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = f"known: {', '.join(table)}, or package.module:{attribute} of your own"
            raise ValueError(f"unknown {kind} {name!r}; {hint}{known}")
        return name

    return AfterValidator(named)


def _with_own_settings(section: type[Section], raw: dict[str, Any], kind: type[Section]) -> dict[str, Any]:
    """Return a section's settings with those of what it names checked, and their defaults spelled out.

    ``kind`` is the section of the latter. Raises ValueError.
    """
    given = {key: value for key, value in raw.items() if key not in section.model_fields}
    for key in given:
        if key not in kind.model_fields:
            raise ValueError(_unknown_setting(raw["name"], str(key), kind.model_fields, section.model_fields))
    try:
        return {**raw, **kind(**given).model_dump()}
    except ValidationError as error:
        raise ValueError(f"{raw['name']}: {faults(error)}") from error


def _no_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(v) for v in values if values.count(v) > 1})
    if repeated:
        raise ValueError(f"listed twice: {', '.join(repeated)}")
    return values


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def source_name(source: str) -> str:
    """Return the name of a set from where it comes: bsds500-val for ``bsds500/val``, the last folder for a path."""
    path = PurePath(source)
    folders = [part for part in path.parts if not any(c in part for c in "*?[")]
    if not folders:
        return "pictures"
    return folders[-1] if path.is_absolute() or source.startswith((".", "~")) else "-".join(folders)


def _as_sets(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple):
        if not all(isinstance(source, str) for source in value):
            raise ValueError("expected sources, or a mapping from a set's name to its sources")
        sets: dict[str, list[str]] = {}
        for source in value:
            name = source_name(source)
            if name in sets:
                raise ValueError(
                    f"{sets[name][0]!r} and {source!r} would both be named {name!r}; "
                    "name the sets: a mapping from a set's name to its sources"
                )
            sets[name] = [source]
        return sets
    return value


def _check_set_names(sets: dict[str, Any]) -> dict[str, Any]:
    for name in sets:
        if not is_set_name(name):
            raise ValueError(f"a set's name is made of letters, digits, '-', '_' and '.', not {name!r}")
        if name == "luma" or name.startswith("zoom_"):
            raise ValueError(f"{name!r} cannot name a set: a folder of that name holds another view of the pictures")
    return sets


Sources = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
Sets = Annotated[dict[str, Sources], BeforeValidator(_as_sets), AfterValidator(_check_set_names)]
Crop = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


Resampling = Literal["matlab", "pillow", "area"]  # see srcnn.degrade


class DataConfig(Section):
    """Pictures, the degradation that the network learns to undo, and the training patches.

    ``patch_size`` and ``stride`` are pixels of the original. A network that is fed low resolution gets patches of
    ``patch_size // scale`` pixels, ``stride / scale`` (rounded, at least 1) from each other.

    ``train_size`` and ``train_resampling`` prepare the training pictures otherwise than those that are restored.
    """

    train: Sources = Field(description="pictures to learn from: public sets, folders, files, globs, clips")
    test: Sets = Field({}, description="sets to restore and score, by name")
    eval: Sets = Field({}, description="likewise, and some are watched in training (`training.monitor_pictures`)")
    scale: int = Field(3, ge=2, le=16, description="how many times networks enlarge, along a side")
    blur_sigma: float = Field(0.0, ge=0, le=20, description="Gaussian blur before reducing, in pixels of the original")
    resampling: Resampling = Field(
        "matlab", description="how pictures are reduced: bicubic as MATLAB's; Pillow's bicubic on 8-bit bands; by means"
    )
    crop_to_scale: bool = Field(
        False, description="crop pictures to a multiple of the scale, as the literature does; else any size is kept"
    )
    squeeze_to_scale: bool = Field(
        False, description="instead of cropping, squeeze them to the nearest smaller multiple, by Pillow's bicubic"
    )
    luma: Standard = Field("bt601", description="luma and chroma: 16..235 as the literature, or full range as JPEG")
    patch_size: int = Field(33, ge=2, le=1024, description="side of a training patch, in pixels of the original")
    stride: int = Field(14, ge=1, description="from patch to patch, in pixels of the original")
    holdout: float = Field(0.05, ge=0, lt=0.9, description="share of the training pictures kept for choosing best.pt")
    holdout_seed: int | None = Field(
        None,
        ge=0,
        lt=2**32,
        description="null: they are evenly spread; a number: drawn as Keras's validation_split with that seed",
    )
    train_size: Crop | None = Field(
        None, description="[height, width] in pixels that every training picture is squeezed to, whatever its shape"
    )
    train_resampling: Resampling | None = Field(None, description="of the training pictures, where it is another")
    dtype: Literal["uint8", "float32"] = Field("uint8", description="numbers that training data are stored in")
    allow_leak: bool = Field(False, description="pictures may be among both the training and the scored ones")

    @model_validator(mode="after")
    def _sets_are_distinct(self) -> "DataConfig":
        both = sorted(set(self.test) & set(self.eval))
        if both:
            raise ValueError(f"test and eval both have a set named {both[0]!r}; give one another name")
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> "DataConfig":
        if self.crop_to_scale and self.squeeze_to_scale:
            raise ValueError("crop_to_scale and squeeze_to_scale are two ways to the same size; say one of them")
        if self.train_size and min(self.train_size) < self.patch_size:
            height, width = self.train_size
            raise ValueError(f"patch_size is {self.patch_size}, larger than train_size, {height}x{width}")
        return self

    @property
    def multiple(self) -> int:
        """What the sides of pictures are brought to a multiple of."""
        return self.scale if self.crop_to_scale or self.squeeze_to_scale else 1

    @property
    def of_training(self) -> "DataConfig":
        """The section with the degradation of the training pictures."""
        return self.model_copy(update={"resampling": self.train_resampling or self.resampling})

    @property
    def sets(self) -> dict[str, tuple[Literal["test", "eval"], Sources]]:
        """The sets that are restored and scored: name -> (``test`` or ``eval``, sources)."""
        sets: dict[str, tuple[Literal["test", "eval"], Sources]] = {}
        sets |= {name: ("test", sources) for name, sources in self.test.items()}
        return sets | {name: ("eval", sources) for name, sources in self.eval.items()}


class WeightsScale(Section):
    """The mean and standard deviation of luma, on [0, 1], in the training of given weights."""

    mean: float = Field(0.0, description="in grey levels of [0, 1]")
    std: float = Field(1.0, gt=0, description="in grey levels of [0, 1]")


class ModelConfig(Section):
    """The network, with settings of its own beside these (``blocks`` of edsr), which MODELS knows.

    ``weights`` (the authors' .mat, a checkpoint, anybody's state dict) is where training starts. ``self_ensemble``:
    pictures are restored in their eight orientations, and the mean taken, which costs eight times as long and training
    nothing.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: Annotated[str, _own_or_one_of("model", MODELS, "Class")] = Field(
        "9-1-5", description="one of the networks below, or a class of your own as package.module:Class"
    )
    residual: bool = Field(True, description="it learns what is to be added to the interpolated picture")
    init: Literal["default", "gaussian"] = Field(
        "default", description="weights to begin with: torch's; gaussian is the paper's N(0, 0.001), and a trap"
    )
    weights: str | None = Field(
        None, description="file of weights to begin with; their scale of luma replaces training.standardise"
    )
    weights_scale: WeightsScale | None = Field(
        None, description="that scale where the file does not tell; null: luma as it is, in [0, 1]"
    )
    self_ensemble: bool = Field(
        False, description="pictures are restored in eight orientations and the mean taken: eight times the cost"
    )

    @model_validator(mode="before")
    @classmethod
    def _own_settings(cls, raw: Any) -> Any:
        """Check the network's own settings, and spell their defaults out; those of somebody's own it checks itself."""
        if not isinstance(raw, dict):
            return raw
        raw = {"name": cls.model_fields["name"].default, **raw}
        known = isinstance(raw["name"], str) and raw["name"] in MODELS
        return _with_own_settings(cls, raw, MODELS[raw["name"]].settings) if known else raw

    @property
    def spec(self) -> NetworkSpec | None:
        """What MODELS knows of the network; None of somebody's own."""
        return MODELS.get(self.name)

    @property
    def settings(self) -> dict[str, Any]:
        """The network's own settings by name."""
        return dict(self.model_extra or {})

    @property
    def passes(self) -> int:
        """How often a picture goes through the network when it is restored."""
        return 8 if self.self_ensemble else 1

    @property
    def stated_scale(self) -> Standardisation | None:
        """The network's scale by ``weights_scale``; None without that."""
        return Standardisation(self.weights_scale.mean, self.weights_scale.std) if self.weights_scale else None


def _unknown_setting(name: str, key: str, own: Iterable[str], common: Iterable[str]) -> str:
    known = [*own, *common]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{name} has no setting {key}; {hint}it has: {', '.join(known)}"


class LossConfig(Section):
    """The loss, with settings of its own beside its name (``quality`` of fdpl), which LOSSES knows.

    A study may write the name alone: ``loss: mse``.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: Annotated[str, _own_or_one_of("loss", LOSSES, "build")] = Field(
        "mse", description="one of the losses below, or a builder of your own as package.module:build"
    )

    @model_validator(mode="before")
    @classmethod
    def _own_settings(cls, raw: Any) -> Any:
        """Check the loss's own settings, and spell their defaults out; those of somebody's own it checks itself."""
        if isinstance(raw, str):
            raw = {"name": raw}
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, dict):
            raise ValueError("expected a loss's name, or that with its settings, such as {name: fdpl, quality: 50}")
        raw = {"name": cls.model_fields["name"].default, **raw}
        known = isinstance(raw["name"], str) and raw["name"] in LOSSES
        return _with_own_settings(cls, raw, LOSSES[raw["name"]].settings) if known else raw

    @model_serializer
    def _as_written(self) -> str | dict[str, Any]:
        return {"name": self.name, **self.settings} if self.settings else self.name

    @property
    def spec(self) -> LossSpec | None:
        """What LOSSES knows of the loss; None of somebody's own."""
        return LOSSES.get(self.name)

    @property
    def settings(self) -> dict[str, Any]:
        """The loss's own settings by name."""
        return dict(self.model_extra or {})


Device = Literal["auto", "cpu", "cuda"]


class TrainingConfig(Section):
    """How the network is trained; the defaults are a recipe that beats bicubic within seconds."""

    epochs: int = Field(10, ge=0, le=1_000_000, description="times that all patches are seen; 0: model.weights as is")
    batch_size: int = Field(16, ge=1, le=1_000_000, description="patches a step")
    optimiser: Literal["adam", "muon", "sgd"] = Field(
        "adam", description="muon takes networks fed low resolution further; sgd with momentum 0.9 is the paper's"
    )
    learning_rate: float = Field(2e-3, gt=0, description="step size at its highest, for a loss that is a mean")
    last_layer_rate: float = Field(
        1.0, gt=0, description="factor of learning_rate for the last layer; the paper's is 0.1"
    )
    schedule: Annotated[str, one_of("schedule", SCHEDULES)] = Field(
        "cosine", description=f"how the rate falls: {', '.join(SCHEDULES)}"
    )
    warmup_steps: int = Field(100, ge=0, description="steps in which the rate rises from 0")
    final_rate: float = Field(0.01, ge=0, le=1, description="share of learning_rate that is left at the end")
    loss: LossConfig = Field(LossConfig(), description="what is minimised: a name, or a name with settings")
    standardise: Literal["centre", "dataset", "none"] = Field(
        "centre", description="0.45 taken from luma in [0, 1]; brought to the data's mean 0 and deviation 1; as it is"
    )
    augment: bool = Field(True, description="patches are flipped and transposed at random")
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = Field(
        "auto", description="of products; auto: bfloat16 where the processor is much faster by it; in the id if named"
    )
    # What follows changes no result, and is in no id.
    device: Device = Field(
        "auto", description="auto: a GPU where cluster.train.gpus asks for one, else the CPU; cuda: a GPU or nothing"
    )
    deterministic: bool = Field(
        False, description="on a GPU only kernels that give the same bits every time; on a CPU it is so anyway"
    )
    monitor_pictures: int = Field(3, ge=0, description="pictures of each eval set that are scored after every epoch")
    tensorboard: bool = Field(False, description="events beside history.jsonl; needs the extra of that name")


class KeepConfig(Section):
    """The states that a run keeps besides those of its rendered epochs. They are in no id."""

    last: int = Field(
        2, ge=1, le=1000, description="how many of the newest; a damaged one is resumed from the one before"
    )
    best: bool = Field(True, description="that of the lowest held-out loss, which jobs.restore takes")
    every_s: float = Field(2.0, ge=0, description="seconds between two saves at least: short epochs cost no writing")


MOST_KEPT = 10_000  # epochs of a run, each with its checkpoint, pictures and scores


class EveryEpochs(Section):
    """Every n-th epoch, and the last."""

    every: int = Field(ge=1, description="epochs from one that is kept to the next")


class LogSpacedEpochs(Section):
    """About n epochs from the first to the last, evenly spaced on a logarithmic scale."""

    log_spaced: int = Field(ge=2, le=MOST_KEPT, description="about how many epochs are kept")


Keep = Literal["auto", "all", "scored", "best", "none"]


class RenderConfig(Section):
    """The epochs of which checkpoints and scores are kept, and the restored pictures of which of them are files.

    ``keep`` is in no id: what is in no file is restored where it is scored. ``scored`` keeps files of the last epoch
    and of the best by the held-out loss, ``best`` of that alone, ``none`` of none; ``auto`` is ``all``, and ``scored``
    where a study would have very many. What the report shows is kept besides.
    """

    epochs: tuple[Annotated[int, Field(ge=0)], ...] | EveryEpochs | LogSpacedEpochs = Field(
        EveryEpochs(every=1),
        description="epochs that are kept, restored and scored: a list, {every: n}, {log_spaced: n} by logarithm",
    )
    keep: Keep = Field("auto", description="of which of them the restored pictures are files")

    @property
    def keeps_all(self) -> bool:
        """Whether every restored picture is a file, from which it is scored."""
        return self.keep in ("auto", "all")  # a plan has decided what auto is

    def kept(self, epochs: int) -> tuple[int, ...]:
        """Return the kept epochs of a training of ``epochs``, ascending; (0,), the start, if ``epochs`` is 0.

        Raises ValueError for more than MOST_KEPT.
        """
        if epochs == 0:
            return (0,)
        count = len(self.epochs) if isinstance(self.epochs, tuple) else epochs // getattr(self.epochs, "every", epochs)
        if count > MOST_KEPT:
            raise ValueError(
                f"render.epochs keeps {count:,} epochs, and at most {MOST_KEPT:,} can be kept; "
                "say fewer, such as render.epochs={log_spaced: 20}"
            )
        if isinstance(self.epochs, EveryEpochs):
            return tuple(sorted({*range(self.epochs.every, epochs + 1, self.epochs.every), epochs}))
        if isinstance(self.epochs, LogSpacedEpochs):
            steps = self.epochs.log_spaced - 1
            return tuple(sorted({round(epochs ** (i / steps)) for i in range(steps + 1)}))
        return tuple(sorted(set(self.epochs)))


def _known_metric(name: str) -> str:
    """Return a name in METRICS, or of a function of the user's own, which is imported where it computes only.

    Raises ValueError for any other.
    """
    if ":" in name and not is_own_model(name):
        raise ValueError(f"a metric of your own is named package.module:function, not {name!r}")
    return name if ":" in name else _listed("metric", METRICS, name)


def _with_all(names: Any) -> Any:
    """Return the names of metrics with all of METRICS in the place of ``all``; anything else as it is."""
    return expanded(names) if isinstance(names, list | tuple) and "all" in names else names


class EvaluateConfig(Section):
    """What is compared and how it is scored. Crops are (height, width) in full-size pixels."""

    protocols: Annotated[
        tuple[Annotated[str, one_of("protocol", PROTOCOLS)], ...],
        BeforeValidator(_as_list),
        AfterValidator(_no_repeats),
        Field(min_length=1),
    ] = Field(tuple(PROTOCOLS), description=f"what is compared with what: {', '.join(PROTOCOLS)}")
    crops: Annotated[tuple[Crop, ...], AfterValidator(_no_repeats), Field(min_length=1)] = Field(
        ((160, 160),), description="[height, width] of patches, in pixels of the original"
    )
    upsamplers: Annotated[
        tuple[Annotated[str, one_of("upsampler", UPSAMPLERS)], ...],
        BeforeValidator(_as_list),
        AfterValidator(_no_repeats),
        Field(min_length=1),
    ] = Field(tuple(UPSAMPLERS), description=f"what enlarges in whole and compound: {', '.join(UPSAMPLERS)}")
    zooms: Annotated[tuple[Annotated[int, Field(ge=2, le=16)], ...], AfterValidator(_no_repeats)] = Field(
        (2,), description="how many times compound enlarges; crops are multiples of it"
    )
    metrics: Annotated[
        tuple[Annotated[str, AfterValidator(_known_metric)], ...],
        BeforeValidator(_with_all),
        BeforeValidator(_as_list),
        AfterValidator(_no_repeats),
        Field(min_length=1),
    ] = Field(QUICK_METRICS, description="by name, all, or a function of your own as package.module:function")
    definitions: Annotated[
        tuple[Definition, ...], BeforeValidator(_as_list), AfterValidator(_no_repeats), Field(min_length=1)
    ] = Field(("paper",), description="of the metrics: as published, or as image-similarity-measures returns them")
    shards: int = Field(
        1, ge=1, le=10_000, description="blocks of pictures: tasks a run on a cluster, files of scores an epoch"
    )
    workers: int | None = Field(
        None, ge=1, le=MOST_WORKERS, description="processes of one task; null: as many as the task has cores"
    )
    backend: Literal["auto", "cpu", "torch"] = Field(
        "auto", description="compiled kernels; torch, in batches; auto: torch where the stage asks for a GPU"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "EvaluateConfig":
        if "compound" in self.protocols:
            if not self.zooms:
                raise ValueError("protocol 'compound' needs at least one zoom")
            for zoom in self.zooms:
                for height, width in self.crops:
                    if height % zoom or width % zoom:
                        raise ValueError(
                            f"crop {height}x{width} is not a multiple of zoom {zoom}, which protocol 'compound' needs"
                        )
        for name in self.metrics:
            definitions = METRICS[name].definitions if name in METRICS else DEFINITIONS
            for definition in self.definitions:
                if definition not in definitions:
                    known = ", ".join(definitions)
                    raise ValueError(
                        f"metric {name!r} has no definition {definition!r}; it has: {known}: leave it out of "
                        "evaluate.metrics, or the definition out of evaluate.definitions"
                    )
        return self

    @property
    def used_zooms(self) -> tuple[int, ...]:
        """The zooms that the protocols make use of."""
        return self.zooms if "compound" in self.protocols else ()


class Experiment(Section):
    """Everything that decides the results of one run."""

    data: DataConfig
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    render: RenderConfig = RenderConfig()
    keep: KeepConfig = KeepConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    seed: int = Field(0, ge=0, lt=2**31, description="number that all chance in training follows from")

    @model_validator(mode="after")
    def _epochs_exist(self) -> "Experiment":
        if not self.training.epochs and not self.model.weights:
            raise ValueError("training.epochs is 0, which needs model.weights: the weights to use as they are")
        kept = self.kept_epochs
        if self.training.epochs and kept and kept[0] == 0:
            raise ValueError("render.epochs asks for epoch 0, but epochs count from 1")
        if not kept or kept[-1] > self.training.epochs:
            raise ValueError(
                f"render.epochs asks for epoch {kept[-1] if kept else '(none)'}, "
                f"but training.epochs is {self.training.epochs}"
            )
        return self

    @model_validator(mode="after")
    def _patches_fit(self) -> "Experiment":
        # A class of one's own is asked for its numbers before the study starts; that takes torch.
        spec = self.model.spec
        if not self._is_run():
            return self
        border = spec.border if spec else 0
        if self.data.patch_size <= 2 * border:
            raise ValueError(
                f"data.patch_size is {self.data.patch_size}, but model {self.model.name} loses {border} pixels "
                f"on each side of a patch; it needs {2 * border + 1} or more"
            )
        if spec and spec.positive and not self.model.residual and self.training.standardise != "none":
            raise ValueError(
                f"model {self.model.name} without the residual gives no negative numbers, but darker pixels are "
                f"negative where training.standardise is {self.training.standardise}; say training.standardise=none"
            )
        if spec and (fault := self.misfit(border, spec.input_scale(self.data.scale))):
            raise ValueError(fault)
        return self

    def _is_run(self) -> bool:
        return True

    def misfit(self, border: int, input_scale: int) -> str:
        """Return why the loss cannot compare the patches of a network of these numbers; empty if it can."""
        if not self.training.epochs:
            return ""
        return unfit(self.training.loss.name, self.data.patch_size, border, input_scale)

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """The epochs whose checkpoint, pictures and scores the study keeps, ascending."""
        return self.render.kept(self.training.epochs)
