"""Reading a study: YAML, overrides, checks, and its runs. Errors name file, key and remedy."""

import difflib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from jobs.pictures import is_named
from runner.study.cluster import ClusterConfig
from runner.study.sweep import SWEPT, SweepConfig
from srcnn.experiment import Experiment, ModelConfig
from srcnn.files import EncodingError, read_text, text_fault, write_text
from srcnn.paths import RootPaths, StudyPaths
from srcnn.yaml_text import YamlError, read_yaml

NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
MOST_LETTERS = 200  # of a study's name: a folder's name has 255, and jobs are named after it
LOSS = "training.loss"  # a name, or a mapping of that and the loss's own settings
MOST_SHARDS = 1_000_000  # files of scores: more of them than a file system likes


class ConfigError(ValueError):
    """A study that cannot be run as it is written; the message says where and what to do, ``page`` tells more."""

    def __init__(self, message: str, page: str = "reference/study.md") -> None:
        super().__init__(message)
        self.page = page


class StudyConfig(Experiment):
    """One YAML file: an experiment, what is varied in it, and where it runs."""

    name: str = Field(
        min_length=1,
        max_length=MOST_LETTERS,
        pattern=f"^{NAME}$",
        description="of the study and its folder",
    )
    sweep: SweepConfig = SweepConfig()
    cluster: ClusterConfig = ClusterConfig()

    @model_validator(mode="before")
    @classmethod
    def _training_on_the_cpu_asks_for_no_gpu(cls, raw: dict[str, Any]) -> dict[str, Any]:
        training, cluster = raw.get("training"), raw.get("cluster") or {}
        if isinstance(training, dict) and training.get("device") == "cpu" and isinstance(cluster, dict):
            train = cluster.get("train") or {}
            if isinstance(train, dict) and train.get("gpus") is None and train.get("gres") is None:
                return {**raw, "cluster": {**cluster, "train": {**train, "gpus": 0}}}
        return raw

    @model_validator(mode="after")
    def _a_gpu_is_asked_for_to_be_used(self) -> "StudyConfig":
        for stage in ("baseline", "evaluate"):
            if self.evaluate.backend == "cpu" and getattr(self.cluster, stage).gpu_count:
                raise ValueError(
                    f"cluster.{stage} asks for a GPU, which evaluate.backend: cpu leaves idle; say one of them"
                )
        return self

    def _is_run(self) -> bool:
        return self.sweep == SweepConfig()  # of a sweep the points are the runs

    @field_validator("name")
    @classmethod
    def _is_not_a_shared_folder(cls, name: str) -> str:
        if name == RootPaths(Path()).data.name:
            raise ValueError(f"{name!r} cannot name a study: the folder of that name holds the training patches")
        return name


@dataclass(frozen=True)
class SweepPoint:
    """One point of the sweep."""

    label: str
    experiment: Experiment

    @property
    def variant(self) -> str:
        """The label without its seed: runs of one variant differ by nothing else."""
        return re.sub(r"(^| )seed=\d+(?= |$)", "", self.label).strip() or "all seeds"


def packaged_studies() -> dict[str, Path]:
    """Return the studies that come with the package, by name."""
    folder = Path(str(resources.files("runner") / "studies"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_study(study: str, overrides: Iterable[str] = ()) -> tuple[StudyConfig, Path]:
    """Return the checked study and the file it came from.

    ``study`` is a packaged study's name, a YAML file, or the folder of a study submitted before.
    ``overrides`` are ``dotted.key=value`` with the value in YAML. Raises ConfigError.
    """
    file = _find(study)
    try:
        raw = read_yaml(read_text(file)) or {}
    except EncodingError as error:
        raise ConfigError(str(error)) from error
    except YamlError as error:
        raise ConfigError(f"{file}: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{file}: expected sections such as data: and training:, found {_found(raw)}")
    if is_submitted(file):
        raw["name"] = _folder_name(file.parent)  # the folder is the study: it may have been copied or renamed
    raw.setdefault("name", file.stem)
    absolute_sources(raw, file.parent)
    for override in overrides:
        _apply(raw, override, file)
    return _checked(raw, file), file


def _folder_name(folder: Path) -> str:
    """Return the name of the study in a folder. Raises ConfigError, with a name that is allowed, if this one is not."""
    name, taken = folder.name, RootPaths(Path()).data.name
    if re.fullmatch(NAME, name) and len(name) <= MOST_LETTERS and name != taken:
        return name
    fit = re.sub("[^A-Za-z0-9_.-]+", "_", name[: MOST_LETTERS // 2]).strip("_.-") or "study"
    fit = f"{fit}_study" if fit == taken else fit
    raise ConfigError(
        f"{folder}: a study is called like its folder, by letters without accents, digits, '_', '.' and '-', at most "
        f"{MOST_LETTERS} and not {taken!r}; rename it: mv {shlex.quote(str(folder))} "
        f"{shlex.quote(str(folder.with_name(fit)))}"
    )


def _find(study: str) -> Path:
    packaged = packaged_studies()
    path = Path(study).expanduser()
    if study in packaged:
        return packaged[study]
    if path.is_dir():
        config = StudyPaths(path.resolve()).config
        if config.exists():
            return config
        raise ConfigError(f"{study}: this folder holds no {config.name}, so no study was submitted into it")
    if path.is_file():
        return path.resolve() if is_submitted(path.resolve()) else path
    near = difflib.get_close_matches(study, packaged, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"no study {study!r}:{hint} expected a YAML file, the folder of a submitted study, or one of: "
        f"{', '.join(packaged)}"
    )


def is_submitted(file: Path) -> bool:
    """Say whether a file is the ``study.yaml`` of a folder into which a study was submitted."""
    paths = StudyPaths(file.parent)
    return file == paths.config and any(map(os.path.lexists, (paths.contents, paths.submissions, paths.runs)))


def absolute_sources(raw: dict[str, Any], folder: Path) -> None:
    """Make relative paths of pictures and weights absolute, in place: they are meant relative to ``folder``."""

    def absolute(value: Any) -> Any:
        if isinstance(value, str):
            return value if is_named(value) or value.startswith(("/", "~")) else str(folder.resolve() / value)
        if isinstance(value, list):
            return [absolute(item) for item in value]
        if isinstance(value, dict):
            return {key: absolute(item) for key, item in value.items()}
        return value

    data = raw.get("data")
    if isinstance(data, dict):
        data.update({key: absolute(data[key]) for key in ("train", "test", "eval") if key in data})
    model = raw.get("model")
    if isinstance(model, dict) and isinstance(model.get("weights"), str):
        model["weights"] = str(folder.resolve() / Path(model["weights"]).expanduser())
    sweep = raw.get("sweep")
    if isinstance(sweep, dict):
        for kind in ("grid", "zip"):
            if isinstance(sweep.get(kind), dict):
                _absolute_values(sweep[kind], folder, absolute)
        cases = sweep.get("cases")
        for case in cases.values() if isinstance(cases, dict) else ():
            if isinstance(case, dict):
                _absolute_values(case, folder, absolute)


def _absolute_values(varied: dict[str, Any], folder: Path, absolute: Callable[[Any], Any]) -> None:
    if "data.train" in varied:
        varied["data.train"] = absolute(varied["data.train"])
    files = varied.get("model.weights")
    if isinstance(files, str):
        varied["model.weights"] = str(folder.resolve() / Path(files).expanduser())
    elif isinstance(files, list):
        varied["model.weights"] = [str(folder.resolve() / Path(file).expanduser()) for file in files]


def _apply(raw: dict[str, Any], override: str, file: Path) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r}: expected KEY=VALUE with a dotted key, such as training.epochs=20")
    try:
        value = read_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{override!r}: the value {error}") from error
    _check_key(key, f"the command line ({override})")
    holder: dict[str, Any] = {}
    set_dotted(holder, key, value)
    absolute_sources(holder, Path.cwd())
    set_dotted(raw, key, get_dotted(holder, key))
    # The command line wins over a sweep of the same key.
    sweep = raw.get("sweep")
    if isinstance(sweep, dict) and not key.startswith("sweep"):
        try:
            raw["sweep"] = SweepConfig(**sweep).without(key)
        except ValidationError as error:
            raise ConfigError(_explain(error, file, StudyConfig)) from error


def split_key(key: str) -> list[str]:
    """Return the levels of a dotted key; below ``sweep`` the varied key, dots and all, is one level."""
    parts = key.split(".")
    levels = {"grid": 2, "zip": 2, "cases": 3}.get(parts[1], 0) if parts[0] == "sweep" and len(parts) > 1 else 0
    return [*parts[:levels], ".".join(parts[levels:])] if 0 < levels < len(parts) else parts


def set_dotted(raw: dict[str, Any], key: str, value: Any) -> None:
    """Set ``a.b.c`` in nested mappings, making those that are missing; of a loss, its name may stand for one."""
    *sections, last = split_key(key)
    for level, section in enumerate(sections, 1):
        inner = raw.get(section)
        if not isinstance(inner, dict):
            named = isinstance(inner, str) and ".".join(sections[:level]) == LOSS
            inner = raw[section] = {"name": inner} if named else {}
        raw = inner
    raw[last] = value


def get_dotted(raw: Mapping[str, Any], key: str) -> Any:
    """Return the value at ``a.b.c`` in nested mappings."""
    value: Any = raw
    for section in split_key(key):
        value = value[section]
    return value


def _checked(raw: dict[str, Any], file: Path) -> StudyConfig:
    try:
        if fault := next(filter(None, map(text_fault, _texts(raw))), None):
            raise ConfigError(fault)
        study = StudyConfig(**raw)
        shards = 0
        for run in runs_of(study):
            shards += len(run.experiment.kept_epochs) * run.experiment.evaluate.shards
            if shards > MOST_SHARDS:
                raise ConfigError(
                    f"the study would have more than {MOST_SHARDS:,} files of scores (runs times kept epochs times "
                    "evaluate.shards); keep fewer epochs (render.epochs), or say fewer shards"
                )
    except ValidationError as error:
        raise ConfigError(_explain(error, file, StudyConfig)) from error
    except ConfigError as error:
        raise ConfigError(f"{file.name}: {error}", error.page) from error
    return study


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for item in pair for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))


def runs_of(study: StudyConfig) -> Iterator[SweepPoint]:
    """Give the runs of a study in the sweep's order. Raises ConfigError for a point that cannot be."""
    base = {name: getattr(study, name) for name in Experiment.model_fields}
    varied: dict[str, Any] = {}
    for label, overrides in study.sweep.points():
        sections: dict[str, dict[str, Any]] = {}
        for key, value in overrides.items():
            sections.setdefault(key.partition(".")[0], {})[key] = value
        try:
            changed = {}
            for name, values in sections.items():
                # Two thousand runs of ten learning rates have ten sections, each of which is checked once.
                known = f"{name} {values}"
                if known not in varied:
                    varied[known] = _varied(study, name, values)
                changed[name] = varied[known]
            yield SweepPoint(label or study.name, Experiment(**(base | changed)))
        except ValidationError as error:
            raise ConfigError(f"sweep point {label!r}: {_explain(error, None, Experiment)}") from error


def _varied(study: StudyConfig, name: str, values: Mapping[str, Any]) -> Any:
    """Return one section of an experiment with other values by dotted key. Raises ConfigError or ValidationError."""
    for key in values:
        _check_key(key, "sweep", Experiment)
    section = Experiment.model_fields[name].annotation
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return values[name]
    raw = study.model_dump(mode="json", include=set(Experiment.model_fields))
    if "model.name" in values:  # another network has other settings of its own
        raw["model"] = {key: value for key, value in raw["model"].items() if key in ModelConfig.model_fields}
    if f"{LOSS}.name" in values:
        raw["training"]["loss"] = values[f"{LOSS}.name"]
    for key in sorted(values, key=lambda key: key.count(".")):  # a loss before its settings
        set_dotted(raw, key, values[key])
    try:
        return section(**raw[name])
    except (ValidationError, TypeError):
        Experiment(**raw)  # names the section, too
        raise


def save_study(study: StudyConfig, path: Path) -> None:
    """Write the resolved study, every default spelled out."""
    write_text(path, study_text(study))


def study_text(study: StudyConfig) -> str:
    """Return the resolved study as YAML."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)


# --- errors that help -------------------------------------------------------------------------
def dotted_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Give every dotted key that a configuration may hold, sections and their keys."""
    for name, field in model.model_fields.items():
        yield prefix + name
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not type(None)]
        inner = kinds[-1] if len(kinds) <= 2 else None  # the section itself, or the section or null
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from dotted_keys(inner, f"{prefix}{name}.")


@lru_cache
def _known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(dotted_keys(model))


def _check_key(key: str, where: str, model: type[BaseModel] = StudyConfig) -> None:
    known = _known_keys(model)
    # Below a mapping (sets, sweep.grid) the names are the user's own.
    parents = {key.rsplit(".", n)[0] for n in range(key.count(".") + 1)}
    if key not in known and not parents & _open_keys(model):
        fit = known if model is StudyConfig else [other for other in known if other.partition(".")[0] in SWEPT]
        raise ConfigError(f"{where}: unknown key {key}{_nearest(key, fit)}")


def _open_keys(model: type[BaseModel]) -> set[str]:
    # What a network's or a loss's own settings are, its name decides: they are checked with it.
    mappings = ("model", LOSS, "data.test", "data.eval", "sweep.grid", "sweep.zip", "sweep.cases", "render.epochs")
    return {key for key in _known_keys(model) if key in mappings or key.endswith(".sbatch")}


def _nearest(key: str, known: Iterable[str]) -> str:
    known = list(known)
    section, _, name = key.rpartition(".")
    siblings = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == section}
    if best := [other for other in known if other.rpartition(".")[2] == name]:
        best = difflib.get_close_matches(key, best, n=1, cutoff=0) if section else best
    elif siblings:  # which all begin as the key does, so that only their own names tell what is alike
        best = [siblings[other] for other in difflib.get_close_matches(name, siblings, n=1)]
    else:
        best = difflib.get_close_matches(key, known, n=1)
    if best:
        return f"; did you mean {best[0]}?"
    among = siblings.values() or [other for other in known if "." not in other]
    return f"; {section if siblings and section else 'a study'} has: {', '.join(sorted(among))}"


def _explain(error: ValidationError, file: Path | None, model: type[BaseModel]) -> str:
    """Return one line for each fault: file, key, what was expected, what arrived, the nearest valid key."""
    known = list(dotted_keys(model))
    lines: dict[str, str] = {}
    for fault in error.errors(include_url=False):
        key = _key_of(fault["loc"], known)
        if fault["type"] == "extra_forbidden":
            full = ".".join(str(part) for part in fault["loc"])
            if key in _UNIONS:
                lines.setdefault(key, f"{key}: expected {_UNIONS[key]}, found {_found(fault['input'])}")
                continue
            lines[full] = f"{full}: unknown key{_nearest(full, known)}"
        elif key in _UNIONS:
            lines[key] = f"{key}: expected {_UNIONS[key]}"
        elif fault["type"] == "missing":
            lines[key] = (
                f"{key}: {'a list in it lacks an entry' if isinstance(fault['loc'][-1], int) else 'is missing'}"
            )
        elif fault["type"] == "value_error":
            message = fault["msg"].removeprefix("Value error, ")
            lines.setdefault(f"{key}{message}", f"{key}: {message}" if key else message)
        else:
            lines.setdefault(key, f"{key}: {_expected(fault)}, found {_found(fault['input'])}")
    where = f"{file.name}: " if file else ""
    return "\n".join(where + _UNBROKEN.sub(r"\1...", line) for line in lines.values())


_IN_YAML = {None: "null", True: "true", False: "false"}


def _found(value: Any) -> str:
    """Return a value as the file shows it, and no more of it than can be read."""
    text = _IN_YAML[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


LONGEST_SHOWN = 200  # letters
_UNBROKEN = re.compile(rf"(\S{{{LONGEST_SHOWN}}})\S+")
_EXPECTED = {
    "int_parsing": "expected an integer",
    "int_type": "expected an integer",
    "int_from_float": "expected an integer",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "string_pattern_mismatch": "expected text of the form {pattern}",
    "string_too_long": "expected at most {max_length} letters",
    "finite_number": "expected a finite number",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a section with keys",
    "too_short": "expected at least one entry",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "literal_error": "expected {expected}",
}


def _expected(fault: Any) -> str:
    """Return what a value should have been, in the words of someone who writes YAML."""
    if fault["type"] in _EXPECTED:
        return _EXPECTED[fault["type"]].format(**fault.get("ctx", {}))
    message: str = fault["msg"]
    return message[0].lower() + message[1:]


_UNIONS = {"render.epochs": "a list of epochs, {every: n} or {log_spaced: n}"}


def _key_of(location: tuple[int | str, ...], known: list[str]) -> str:
    """Return the longest prefix of an error's location that is a key of the file, list positions dropped."""
    parts = [str(part) for part in location if isinstance(part, str)]
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in known:
            return ".".join(parts[:length])
    return ".".join(parts)
