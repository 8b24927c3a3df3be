"""The plan of a study: which tasks it has, what each waits for, what is done already."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import yaml

from jobs.job import Job
from jobs.leaks import find_leaks
from jobs.names import too_long
from jobs.own_check import Checked
from jobs.pictures import (
    Picture,
    PictureError,
    PictureSet,
    SetRef,
    clips_of,
    load_set,
    passed_over,
    read_set,
)
from jobs.planned import PlannedRun
from runner.study.cluster import ClusterConfig
from runner.study.config import ConfigError, StudyConfig, SweepPoint, runs_of, save_study
from runner.study.graph import missing_keys
from runner.study.model import ModelContent, checked_own_code, metric_code, model_content, network_numbers
from runner.study.stages import STAGES
from srcnn.contents import LAYOUT, Contents, SetContents, TaskContents
from srcnn.experiment import DataConfig, Experiment, Keep, RenderConfig
from srcnn.files import holds, write_json, write_text
from srcnn.identity import data_id, degradation_id, eval_id, run_id
from srcnn.outputs import Output, Shelf
from srcnn.paths import RootPaths, StudyPaths, view_folder
from srcnn.regular import read_regular
from srcnn.rendered import picture_file, rendered_views
from srcnn.section import Section
from srcnn.words import counted

MANY_FILES = 10_000  # of restored pictures: file systems and quotas count them


@dataclass(frozen=True)
class PlannedTask:
    """One task of the plan: its stage, a name unique in it, the job, the tasks it waits for, the run it belongs to."""

    stage: str
    name: str
    job: Job
    needs: tuple["PlannedTask", ...]
    attempts: Path
    run: str | None = None
    label: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Stage and name."""
        return self.stage, self.name

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """What it makes."""
        return self.job.outputs()

    def to_json(self, study: StudyPaths) -> TaskContents:
        """Return the task as ``contents.json`` has it."""
        contents: TaskContents = {
            "stage": self.stage,
            "name": self.name,
            "outputs": [output.to_json(study) for output in self.outputs],
        }
        if self.run:
            contents["run"] = self.run
        if self.needs:
            contents["needs"] = [list(need.key) for need in self.needs]
        return contents


@dataclass(frozen=True)
class Plan:
    """All tasks of a study in an order in which they could run one by one."""

    study: StudyConfig
    paths: StudyPaths
    runs: tuple[PlannedRun, ...]
    tasks: tuple[PlannedTask, ...]
    data_root: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def experiments(self) -> list[Experiment]:
        """What the runs are made of."""
        return [run.experiment for run in self.runs]

    def with_cluster(self, cluster: ClusterConfig) -> "Plan":
        """Return the plan with tasks that ask for other resources."""
        return replace(self, study=self.study.model_copy(update={"cluster": cluster}))

    def stage(self, name: str) -> list[PlannedTask]:
        """Return the tasks of one stage."""
        return [task for task in self.tasks if task.stage == name]

    def missing(self) -> list[PlannedTask]:
        """Return the tasks of which not all outputs are there, and those that depend on one of them."""
        shelf = Shelf()
        there = {task.key: shelf.is_done(task.outputs) for task in self.tasks}
        lacking = missing_keys(((task.key, [need.key for need in task.needs]) for task in self.tasks), there)
        return [task for task in self.tasks if task.key in lacking]

    def save(self) -> None:
        """Write what the study is now: its configuration, its runs, where everything is.

        It leaves files alone that would not change, so that a finished report stays finished.
        """
        save_study(self.study, self.paths.config)
        sections: dict[tuple[str, int], str] = {}
        for planned in self.runs:
            text = f"# {planned.label}\n{_settings_text(planned.experiment, sections)}"
            config = self.paths.run(planned.run_id).config
            if not config.is_file() or read_regular(config) != text.encode():
                write_text(config, text)
        contents = self._contents()
        if not holds(self.paths.contents, contents):
            write_json(self.paths.contents, contents, durable=True)

    def _contents(self) -> Contents:
        sets = dict.fromkeys(ref for run in self.runs for ref in run.sets)
        return {
            "layout": LAYOUT,
            "study": self.study.name,
            "notes": list(self.notes),
            "data_root": str(self.data_root) if self.data_root else None,
            "runs": [
                {
                    "run_id": run.run_id,
                    "label": run.label,
                    "variant": run.variant,
                    "seed": run.experiment.seed,
                    "eval_id": run.eval_id,
                    "degradation_id": run.degradation_id,
                    "data_id": run.data_id,
                    "epochs": list(run.experiment.kept_epochs),
                    "shards": run.experiment.evaluate.shards,
                    "weights": run.weight_count,
                    "multiplications": run.multiplications,
                }
                for run in self.runs
            ],
            "sets": {ref.name: self._set_contents(ref) for ref in sets},
            "tasks": [task.to_json(self.paths) for task in self.tasks],
        }

    def _set_contents(self, ref: SetRef) -> SetContents:
        contents: SetContents = {"group": ref.group, "set_id": ref.set_id}
        if clips := clips_of(load_set(self.paths.root, ref.set_id)):
            contents["clips"] = clips
        return contents


def make_plan(study: StudyConfig, root: RootPaths, data_root: Path | None = None, verify: bool = False) -> Plan:
    """Return the plan of a study below a root; to ``verify``, every picture is read, whatever is remembered of it.

    Raises ConfigError for a leak between training and evaluation pictures, or a picture too small
    to be degraded, or a model that cannot be used; MissingPictures and PictureError for pictures that cannot be used.
    """
    paths = root.study(study.name)
    wanted = list(runs_of(study))
    own_code = checked_own_code(run.experiment for run in wanted)
    resolve = _Resolver(paths, data_root, verify, own_code)
    runs = tuple({planned.run_id: planned for run in wanted if (planned := resolve(run))}.values())
    runs = tuple(_keeping(runs, resolve.notes))
    return Plan(study, paths, runs, tuple(_tasks(runs, paths)), data_root, tuple(resolve.notes))


def _keeping(runs: Sequence[PlannedRun], notes: dict[str, None]) -> Iterator[PlannedRun]:
    """Give the runs with a word for ``auto``, of how many restored pictures are kept; add a note where not all are."""
    undecided = [run for run in runs if run.experiment.render.keep == "auto"]
    files = sum(_restored_files(run) for run in undecided)
    keep: Keep = "scored" if files > MANY_FILES else "all"
    if keep == "scored":
        notes[
            f"restored pictures of the last and the best epoch are kept: those of all would be {files:,} files "
            "(render.keep=all)"
        ] = None
    decided: dict[RenderConfig, RenderConfig] = {}
    for run in runs:
        render = run.experiment.render
        if render.keep == "auto":
            render = decided.setdefault(render, render.model_copy(update={"keep": keep}))
        yield replace(run, experiment=run.experiment.model_copy(update={"render": render}))


def _restored_files(run: PlannedRun) -> int:
    pictures = sum(len(load_set(run.study.root, set_ref.set_id).pictures) for set_ref in run.sets)
    views = sum(len(views) for views in rendered_views(run.experiment.evaluate).values())
    return len(run.experiment.kept_epochs) * pictures * views


class _Data(NamedTuple):
    """What a data section stands for: its sets by the ids of their content, and the ids that follow from it."""

    train_set: str
    set_ids: dict[str, str]
    refs: tuple[SetRef, ...]
    degradation_id: str
    data_ids: dict[int, str]  # by the input scale of a network


class _Resolver:
    """Pictures and ids of runs; each set is read once, and each section that runs share looked at once."""

    def __init__(self, paths: StudyPaths, data_root: Path | None, verify: bool, own_code: Checked) -> None:
        self.paths, self.root, self.data_root, self.verify = paths, paths.root, data_root, verify
        self.own_code = own_code
        self.read: dict[tuple[str, ...], PictureSet] = {}
        self.checked: set[tuple[object, ...]] = set()
        self.notes: dict[str, None] = dict.fromkeys(own_code.notes)
        self.data: dict[str, _Data] = {}
        self.models: dict[str, ModelContent] = {}
        self.evals: dict[str, str] = {}

    def __call__(self, run: SweepPoint) -> PlannedRun:
        experiment = run.experiment
        data, model = self._data(experiment), self._model(experiment)
        numbers = network_numbers(experiment, self.own_code)
        input_scale = numbers.input_scale
        if input_scale not in data.data_ids:
            data.data_ids[input_scale] = data_id(experiment.data, data.train_set, input_scale)
        trained_on = data.data_ids[input_scale]
        return PlannedRun(
            self.paths,
            run.label,
            run.variant,
            experiment,
            run_id(experiment, trained_on, model),
            self._eval_id(experiment, data),
            data.degradation_id,
            trained_on if experiment.training.epochs > 0 else None,
            data.train_set,
            data.refs,
            model["weights"],
            input_scale,
            numbers.weights,
            numbers.multiplications,
        )

    def _data(self, experiment: Experiment) -> _Data:
        data = experiment.data
        key = data.model_dump_json()
        if key not in self.data:
            train = self._set(data.train)
            sets = {name: self._set(sources) for name, (_, sources) in data.sets.items()}
            self._check(data, train, sets)
            _check_sizes(experiment, sets, self.notes)
            ids = {name: pictures.set_id for name, pictures in sets.items()}
            refs = tuple(SetRef(name, group, ids[name]) for name, (group, _) in data.sets.items())
            self.data[key] = _Data(train.set_id, ids, refs, degradation_id(data, ids), {})
        return self.data[key]

    def _eval_id(self, experiment: Experiment, data: _Data) -> str:
        key = f"{data.set_ids} {experiment.evaluate.model_dump_json()}"
        if key not in self.evals:
            self.evals[key] = eval_id(experiment, data.set_ids, metric_code(experiment.evaluate.metrics))
        return self.evals[key]

    def _model(self, experiment: Experiment) -> dict[str, str | None]:
        key = f"{experiment.model.model_dump_json()} {experiment.training.loss} {experiment.data.patch_size}"
        if key not in self.models:
            self.models[key] = model_content(experiment)
            if self.models[key].assumed:
                self.notes[self.models[key].assumed] = None
        return self.models[key].digests

    def _set(self, sources: tuple[str, ...]) -> PictureSet:
        if sources not in self.read:
            pictures = self.read[sources] = read_set(sources, self.root, self.data_root, self.verify)
            pictures.save(self.root)
            if pictures.disguised:
                self.notes[
                    f"{counted(len(pictures.disguised), 'picture')} changed while size and time stayed the same, "
                    f"such as {pictures.disguised[0]}: what was made from the earlier ones no longer counts"
                ] = None
            self.notes |= dict.fromkeys(note for source in sources for note in passed_over(source))
        return self.read[sources]

    def _check(self, data: DataConfig, train: PictureSet, sets: dict[str, PictureSet]) -> None:
        check = (train.set_id, data.scale, data.patch_size, data.train_size, data.allow_leak, *sets)
        if check in self.checked:
            return
        self.checked.add(check)
        _refuse_too_long(self.paths, data, sets)
        _refuse_smaller(train, data.scale, "train", "data.scale")
        if data.train_size is None and all(
            min(picture.height, picture.width) < data.patch_size for picture in train.pictures
        ):
            raise ConfigError(f"data.patch_size: {data.patch_size} is larger than every training picture")
        leaks = [(name, a, b) for name, pictures in sets.items() for a, b in find_leaks(train, pictures)]
        if leaks and not data.allow_leak:
            raise ConfigError(_leak_text(leaks), "how-to/pictures.md")
        if leaks:
            self.notes[
                f"{_leaking(leaks)} are among the training pictures, as data.allow_leak permits: "
                "scores on them say nothing about new pictures"
            ] = None


def _refuse_too_long(paths: StudyPaths, data: DataConfig, sets: dict[str, PictureSet]) -> None:
    """Refuse names that would stop a task when it writes."""
    for name, (group, _) in data.sets.items():
        folder = view_folder(paths.run("r0123456789").rendered_epoch(group, 1000), name, "zoom_16")
        for picture in sets[name].pictures:
            if fault := too_long(picture_file(folder, picture.name), paths.root.root):
                raise ConfigError(f"{picture.place} (set {name}): {fault}", "how-to/pictures.md")


def _refuse_smaller(pictures: PictureSet, pixels: int, name: str, why: str) -> None:
    for picture in pictures.pictures:
        if min(picture.height, picture.width) < pixels:
            raise PictureError(
                f"{picture.place} ({picture.width}x{picture.height}, set {name}) is smaller than {why}, {pixels} pixels"
            )


def _check_sizes(experiment: Experiment, sets: dict[str, PictureSet], notes: dict[str, None]) -> None:
    """Refuse pictures that cannot be degraded, or sets that give nothing to compare; note those that are cut short."""
    evaluate = experiment.evaluate
    zoom = max(evaluate.used_zooms, default=1)
    for name, pictures in sets.items():
        _refuse_smaller(pictures, experiment.data.scale * zoom, name, "data.scale times the largest zoom")
        small = [p for p in pictures.pictures if not any(p.height >= h and p.width >= w for h, w in evaluate.crops)]
        if len(small) == len(pictures.pictures) and "luma" not in evaluate.protocols:
            raise ConfigError(f"evaluate.crops: every picture of set {name} is smaller than every crop")
        if small and set(evaluate.protocols) != {"luma"}:
            notes[
                f"{len(small)} of {len(pictures.pictures)} pictures of set {name} are smaller than every crop: "
                "no regions of them are compared"
            ] = None


def _leak_text(leaks: list[tuple[str, Picture, Picture]]) -> str:
    shown = "\n".join(f"  {b.place} (set {name}) is training picture {a.place}" for name, a, b in leaks[:10])
    more = f"\n  and {len(leaks) - 10} more" if len(leaks) > 10 else ""
    return (
        f"{_leaking(leaks)} are among the training pictures, so scores on them would mean nothing:\n"
        f"{shown}{more}\nTake them out of data.train, or say data.allow_leak=true if that is meant."
    )


def _leaking(leaks: list[tuple[str, Picture, Picture]]) -> str:
    """Return how many pictures leak; a clip is one, for all its frames."""
    clips = " and clips" if any(b.frame for _, _, b in leaks) else ""
    return f"{len(leaks)} evaluation pictures{clips}"


def _tasks(runs: Iterable[PlannedRun], paths: StudyPaths) -> Iterator[PlannedTask]:
    """Give the tasks stage by stage, each after those that it needs."""
    runs = list(runs)
    made: dict[str, dict[str, PlannedTask]] = {}
    of_run: dict[str, dict[str, list[PlannedTask]]] = {}  # by stage and run, those that it has or shares
    for stage, entry in STAGES.items():
        jobs, tasks, by_run = entry.tasks(), made.setdefault(stage, {}), of_run.setdefault(stage, {})
        after = [task for ended in entry.after for task in made[ended].values()]
        for run in runs:
            needs = list(_needed(entry.needs, run.run_id, of_run))
            attempts = run.paths.attempts if entry.of_run else paths.attempts
            whose = {"run": run.run_id, "label": run.label} if entry.of_run else {}
            of_this = by_run.setdefault(run.run_id, [])
            for name, job in jobs(run):
                if name not in tasks:
                    tasks[name] = PlannedTask(stage, name, job, (*needs, *after), attempts, **whose)
                of_this.append(tasks[name])
        yield from tasks.values()


def _needed(stages: Iterable[str], run: str, of_run: dict[str, dict[str, list[PlannedTask]]]) -> Iterator[PlannedTask]:
    """Give the tasks of a run that are of some stages; for a stage that has none those that it would need itself."""
    for stage in stages:
        yield from of_run[stage][run] or _needed(STAGES[stage].needs, run, of_run)


def _settings_text(experiment: Experiment, known: dict[tuple[str, int], str]) -> str:
    """Return an experiment as YAML; ``known`` holds the text of each section, most of which runs share."""
    text = ""
    for name in type(experiment).model_fields:
        section = getattr(experiment, name)
        if (name, id(section)) not in known:
            value = section.model_dump(mode="json") if isinstance(section, Section) else section
            known[name, id(section)] = yaml.safe_dump({name: value}, sort_keys=False)
        text += known[name, id(section)]
    return text
