"""Every file name of the project: where things are, given a root folder and a study."""

from dataclasses import dataclass
from pathlib import Path

GROUPS = {"test": "Test_SRCNN_Output", "eval": "Eval_SRCNN_Output"}


def epoch_name(epoch: int) -> str:
    """Return the folder and file stem of an epoch; names sort in the order of epochs."""
    return f"epoch_{epoch:04d}"


@dataclass(frozen=True)
class RootPaths:
    """What all studies below one root share."""

    root: Path

    @property
    def data(self) -> Path:
        """Training patches and lists of pictures."""
        return self.root / "data"

    def patches(self, data_id: str) -> Path:
        """Return the HDF5 file of training patches."""
        return self.data / f"{data_id}.h5"

    def pictures(self, set_id: str) -> Path:
        """Return the file that lists a set's pictures: names, paths, content."""
        return self.data / f"{set_id}.json"

    @property
    def fingerprints(self) -> Path:
        """Cache of what was read of each picture file."""
        return self.data / "fingerprints.json"

    @property
    def downloads(self) -> Path:
        """Public image sets fetched by name."""
        return self.data / "downloads"

    def study(self, name: str) -> "StudyPaths":
        """Return the paths of one study."""
        return StudyPaths(self.root / name)


@dataclass(frozen=True)
class StudyPaths:
    """One study's folder."""

    folder: Path

    @property
    def root(self) -> RootPaths:
        """The root that the study lies in."""
        return RootPaths(self.folder.parent)

    @property
    def config(self) -> Path:
        """The resolved study as last submitted."""
        return self.folder / "study.yaml"

    @property
    def submissions(self) -> Path:
        """The folder of all submissions."""
        return self.folder / "submissions"

    def submission(self, name: str) -> Path:
        """Return the folder of one submission."""
        return self.submissions / name

    @property
    def contents(self) -> Path:
        """The study's runs, sets and ids as last submitted, for whoever reads the results."""
        return self.folder / "contents.json"

    @property
    def lock(self) -> Path:
        """The file that says who works on the study now."""
        return self.folder / ".runner.json"

    @property
    def attempts(self) -> Path:
        """Records of tasks that belong to no run."""
        return self.folder / "attempts"

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.folder / "runs"

    def run(self, run_id: str) -> "RunPaths":
        """Return the paths of one run."""
        return RunPaths(self.runs / run_id)

    def baseline(self, degradation_id: str) -> Path:
        """Return the folder of interpolated inputs, with one folder a set."""
        return self.folder / "baselines" / degradation_id

    def scores(self, owner_id: str) -> Path:
        """Return the folder of the score shards of a run or of a baseline."""
        return self.folder / "scores" / owner_id

    def shard(self, owner_id: str, eval_id: str, epoch: int, block: int = 0, blocks: int = 1) -> Path:
        """Return the Parquet file of scores of one of ``blocks`` blocks of pictures; epoch 0 stands for a baseline."""
        return Path(str(self.each_shard(owner_id, eval_id, block, blocks)).replace("{epoch}", f"{epoch:04d}"))

    def each_shard(self, owner_id: str, eval_id: str, block: int = 0, blocks: int = 1) -> Path:
        """Return the path of Parquet files of scores, with ``{epoch}`` in place of the epoch."""
        return self.scores(owner_id) / f"{eval_id}-{{epoch}}-{block:03d}of{blocks:03d}.parquet"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.folder / "report"

    @property
    def report_pictures(self) -> Path:
        """Folder of the pictures that the report shows and that lie nowhere else in the study."""
        return self.report / "pictures"

    @property
    def report_page(self) -> Path:
        """The report to open."""
        return self.report / "index.html"


@dataclass(frozen=True)
class RunPaths:
    """One run's folder."""

    folder: Path

    @property
    def study(self) -> Path:
        """The folder of the study that it belongs to."""
        return self.folder.parents[1]

    @property
    def config(self) -> Path:
        """The run's resolved configuration and label."""
        return self.folder / "config.yaml"

    @property
    def history(self) -> Path:
        """The history: one JSON line an epoch."""
        return self.folder / "history.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.folder / "checkpoints"

    def checkpoint(self, epoch: int) -> Path:
        """Return the checkpoint of a kept epoch."""
        return self.checkpoints / f"{epoch_name(epoch)}.pt"

    @property
    def each_checkpoint(self) -> Path:
        """The path of checkpoints of kept epochs, with ``{epoch}`` in place of the epoch."""
        return self.checkpoints / "epoch_{epoch}.pt"

    @property
    def last(self) -> Path:
        """Checkpoint of the last finished epoch, to resume from."""
        return self.checkpoints / "last.pt"

    def previous(self, number: int) -> Path:
        """Return an earlier ``last``, counted from 1, for when the newest is damaged."""
        return self.checkpoints / f"previous_{number}.pt"

    @property
    def events(self) -> Path:
        """TensorBoard's folder."""
        return self.folder / "tensorboard"

    @property
    def best(self) -> Path:
        """Checkpoint of the lowest held-out loss."""
        return self.checkpoints / "best.pt"

    def each_rendered_epoch(self, group: str) -> Path:
        """Return the folder of restored pictures, with ``{epoch}`` in place of the epoch."""
        return self.folder / GROUPS[group] / "epoch_{epoch}"

    def rendered_epoch(self, group: str, epoch: int) -> Path:
        """Return the folder of one epoch's restored pictures; group is ``test`` or ``eval``."""
        return self.folder / GROUPS[group] / epoch_name(epoch)

    @property
    def attempts(self) -> Path:
        """Records of the run's tasks."""
        return self.folder / "attempts"


def is_within(place: Path, folder: Path) -> bool:
    """Say whether a file or folder lies where its path says below ``folder``: not by way of a link, nor of ``..``."""
    if not place.is_relative_to(folder) or place == folder:
        return False
    below = place.relative_to(folder).parent
    return ".." not in place.parts[len(folder.parts) :] and place.parent.resolve() == folder.resolve() / below


def is_set_name(name: str) -> bool:
    """Say whether a set of pictures may have this name: folders are named after it."""
    return bool(name) and all(c.isalnum() or c in "-_." for c in name) and not name.startswith(".")


class OutsideStudy(ValueError):
    """The error of a file to be removed that lies elsewhere, by way of a link: it names both places and a remedy."""


def require_within(place: Path, folder: Path) -> None:
    """Raise OutsideStudy unless a file or folder ``is_within`` a study's folder, so that it may be removed."""
    if not is_within(place, folder):
        raise OutsideStudy(
            f"{place} is no longer of use and lies in {place.parent.resolve()}, outside of the study, where nothing is "
            "removed: delete it yourself, or put a folder in the place of the link; then submit the study again"
        )


def study_of(attempts: Path) -> StudyPaths:
    """Return the study whose own folder of attempts this is, or that of one of its runs."""
    owner = attempts.parent
    return StudyPaths(owner.parents[1] if owner.parent.name == "runs" else owner)


def view_folder(base: Path, set_name: str, view: str) -> Path:
    """Return the folder of one set's pictures in one view: ``full``, ``luma`` or ``zoom_<k>``.

    ``base`` is an epoch's folder of a run, or a baseline's folder.
    """
    return base / set_name if view == "full" else base / view / set_name


def set_mark(folder: Path) -> Path:
    """Return the file in a folder of pictures that holds the id of the set that they were made from."""
    return folder / ".set"
