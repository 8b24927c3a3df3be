"""The results of a study, as it was last submitted: runs, their settings and variants, their shards."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from srcnn.contents import read_contents
from srcnn.files import parsed, read_own
from srcnn.paths import StudyPaths
from srcnn.records import shown
from srcnn.schema import METHODS
from srcnn.shards import has_shard
from srcnn.words import whole
from srcnn.yaml_text import read_yaml


@dataclass(frozen=True)
class RunResults:
    """One training of a study; ``settings`` is its configuration with dotted keys.

    ``variant`` names what it shares with the runs that differ from it in the seed alone. ``weights`` and
    ``multiplications`` (for each pixel of a restored picture) are its network's.
    """

    run_id: str
    label: str
    eval_id: str
    degradation_id: str
    epochs: tuple[int, ...]
    blocks: int
    settings: Mapping[str, Any]
    variant: str
    weights: int = 0
    multiplications: int = 0


# Writes the views of a picture, restored by a run at an epoch; arguments are run_id, epoch, set and picture.
Restore = Callable[[str, int, str, str], None]


@dataclass(frozen=True)
class StudyResults:
    """One study's folder, opened to be read; ``restore`` makes a restored picture that is kept in no file."""

    folder: Path
    contents: Mapping[str, Any]
    restore: Restore | None = None

    @property
    def paths(self) -> StudyPaths:
        """The paths of the study's files."""
        return StudyPaths(self.folder)

    @property
    def name(self) -> str:
        """The name of the study."""
        return self.folder.resolve().name

    @cached_property
    def runs(self) -> tuple[RunResults, ...]:
        """The runs of the study, in the order of its file."""
        runs = []
        for run in self.contents["runs"]:
            settings = _settings(self.paths.run(run["run_id"]).config)
            label = run["label"] or run["run_id"]
            runs.append(
                RunResults(
                    run["run_id"],
                    label,
                    run["eval_id"],
                    run["degradation_id"],
                    tuple(run["epochs"]),
                    run["shards"],
                    settings,
                    _without_seed(label),
                    run.get("weights", 0),
                    run.get("multiplications", 0),
                )
            )
        return tuple(runs)

    @property
    def variants(self) -> dict[str, list[RunResults]]:
        """The runs by variant: those of one variant differ in the seed alone."""
        variants: dict[str, list[RunResults]] = {}
        for run in self.runs:
            variants.setdefault(run.variant, []).append(run)
        return variants

    @property
    def sets(self) -> dict[str, dict[str, Any]]:
        """The group (``test`` or ``eval``), the content's id and the clips' lengths of each set, by name."""
        return dict(self.contents["sets"])

    @property
    def has_clips(self) -> bool:
        """True if a set holds frames of a clip."""
        return any(of_set.get("clips") for of_set in self.sets.values())

    def frame(self, set_name: str, image: str) -> tuple[str, int] | None:
        """Return the clip that a picture is a frame of, and the frame's number; None for a picture of its own."""
        clip, _, number = image.rpartition("_")
        frames = self.sets.get(set_name, {}).get("clips", {}).get(clip, 0)
        return (clip, int(number)) if number.isdecimal() and 1 <= int(number) <= frames else None

    def units_of(self, rows: pd.DataFrame) -> list[str]:
        """Return what the picture of each row stands and falls with: the clip that it is a frame of, or itself."""
        pictures = list(zip(rows["set"].astype(str), rows["image"].astype(str), strict=True))
        frames = (self.frame(*picture) for picture in pictures)
        return [f"{s}/{frame[0] if frame else image}" for (s, image), frame in zip(pictures, frames, strict=True)]

    @cached_property
    def baseline_names(self) -> dict[str, str]:
        """The names of the baselines beside the runs, by method."""
        return {method: self.beside_runs(method) for method in METHODS if method != "srcnn"}

    def beside_runs(self, name: str) -> str:
        """Return this name for something that is not a run, marked as such if a run has the name."""
        taken = {taken_name for run in self.runs for taken_name in (run.label, run.variant)}
        return distinct_name(name, taken, "no run")

    def setting(self, key: str, default: Any = None) -> Any:
        """Return a setting that all runs share (the first run's)."""
        return self.runs[0].settings.get(key, default) if self.runs else default

    def shard_paths(
        self, runs: set[str] | None = None, epochs: set[int] | None = None, baselines: bool = True
    ) -> list[Path]:
        """Return every shard that belongs to the study, whether it is there or not.

        ``runs`` and ``epochs`` leave out other runs and epochs, but no baselines.
        """
        wanted: dict[Path, None] = {}
        for run in self.runs:
            if baselines:
                wanted[self.paths.shard(run.degradation_id, run.eval_id, 0)] = None
            if runs is not None and run.run_id not in runs:
                continue
            for epoch in run.epochs:
                if epochs is None or epoch in epochs:
                    for block in range(run.blocks):
                        wanted[self.paths.shard(run.run_id, run.eval_id, epoch, block, run.blocks)] = None
        return list(wanted)

    def missing(self) -> list[Path]:
        """Return the shards that are not there yet."""
        return [shard for shard in self.shard_paths() if not has_shard(shard)]


def open_study(folder: Path | str, restore: Restore | None = None) -> StudyResults:
    """Return the study in a folder. Raises FileNotFoundError if none was submitted into it."""
    folder = Path(folder)
    contents = read_contents(StudyPaths(folder))
    if contents is None:
        raise FileNotFoundError(f"{folder}: holds no study (no contents.json); submit one into it first")
    return StudyResults(folder, whole(contents), restore)


def distinct_name(name: str, taken: Collection[str], why: str) -> str:
    """Return the name, with ``(why)`` added until nothing else has it."""
    while name in taken:
        name = f"{name} ({why})"
    return name


def with_frames(pictures: pd.DataFrame, study: StudyResults) -> pd.DataFrame:
    """Return the rows with ``clip`` and ``frame``: of what clip a picture is which frame; nothing where it is none."""
    pairs = zip(pictures["set"].astype(str), pictures["image"].astype(str), strict=True)
    frames = [study.frame(*pair) for pair in pairs] if study.has_clips else [None] * len(pictures)
    return pictures.assign(
        clip=pd.Series([frame and frame[0] for frame in frames], pictures.index, object),
        frame=pd.Series([frame and frame[1] for frame in frames], pictures.index, "Int64"),
    )


def with_names(pictures: pd.DataFrame, study: StudyResults) -> pd.DataFrame:
    """Return the rows of ``by_picture`` with ``run`` and ``variant``: the names that people see, baselines' too."""
    frame = pictures.copy(deep=False)
    labels, methods = (frame[name].astype("category").cat for name in ("label", "method"))
    variants = {run.label: run.variant for run in study.runs}
    for column, names in (("run", dict(zip(variants, variants, strict=True))), ("variant", variants)):
        known: list[Any] = sorted({*names.values(), *study.baseline_names.values()})
        of_runs, of_methods = (
            np.array([known.index(own[name]) if name in own else -1 for name in of.categories] + [-1])
            for of, own in ((labels, names), (methods, study.baseline_names))
        )
        codes = np.where(labels.codes >= 0, of_runs[labels.codes], of_methods[methods.codes])
        frame[column] = pd.Categorical.from_codes(codes, pd.Index(known)).remove_unused_categories()
    return frame


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give the dotted key and value of every setting, in order; of a setting with settings of its own first its name.

    So ``training.loss`` is a loss's name, whether a study writes that alone or with settings below it.
    """
    for key, value in settings.items():
        if prefix and isinstance(value, Mapping) and isinstance(value.get("name"), str):
            yield f"{prefix}{key}", value["name"]
            yield from flatten({name: own for name, own in value.items() if name != "name"}, f"{prefix}{key}.")
        elif isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, for keys whose values differ, the values by name; None where a key is absent."""
    keys = dict.fromkeys(key for of_one in settings.values() for key in of_one)
    table = {key: {name: of_one.get(key) for name, of_one in settings.items()} for key in keys}
    return {
        key: values for key, values in table.items() if any(v != next(iter(values.values())) for v in values.values())
    }


def _settings(config: Path) -> dict[str, Any]:
    def sections(content: bytes) -> dict[str, Any]:
        value = read_yaml(content.decode())
        if not isinstance(value, dict):
            raise ValueError(f"expected sections such as data and training, found {shown(value)}")
        if "seed" not in value or not content.endswith(b"\n"):  # which is written last
            raise ValueError("it ends before its last setting, seed")
        return dict(flatten(whole(value)))

    try:
        settings: dict[str, Any] = parsed(config, read_own(config), sections)
    except FileNotFoundError:
        return {}
    return settings


def _without_seed(label: str) -> str:
    words = [word for word in label.split(" ") if not word.startswith("seed=")]
    return " ".join(words) or "all seeds"
