"""Every kind of file that a study consists of, damaged in every way, and every command that meets it.

A command is tried on each pair of a kind and a damage if it is quick, else on so many that every kind, and
every damage, meets every command. ``DAMAGE_MATRIX=all`` tries all on all, which takes minutes.
"""

import io
import json
import os
import random
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import gethostname

import pyarrow.parquet as pq
import pytest

import analysis
from analysis import compact, compaction, pictures, plot, report, table
from jobs import compare_folders, restore
from jobs.pictures import load_set
from jobs.processes import born
from runner import cancel, checks, clean, doctor, logs, status, submit
from runner.record.lock import Holder
from runner.record.submission import Submission
from srcnn.damage import DamagedFile
from srcnn.files import write_json, write_text
from srcnn.paths import StudyPaths
from srcnn.shards import partial_shard, unfinished_shard

ALL = os.environ.get("DAMAGE_MATRIX") == "all"
LIMIT_S = 120.0
PRECIOUS = "somebody's own"
GARBAGE = random.Random(1).randbytes(700)

# --- the ways to damage a file -----------------------------------------------------------------


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "own.txt").write_text(PRECIOUS)


def _cut(whole: bytes) -> bytes:
    """About half of a file; of a text all to the middle of a word, where no reader takes it for all there is."""
    half = whole[: len(whole) // 2]
    return half[: half.rfind(b": ") - 1]


DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "empty": lambda path, whole: path.write_bytes(b""),
    "cut": lambda path, whole: path.write_bytes(_cut(whole)),
    "garbage": lambda path, whole: path.write_bytes(GARBAGE),
    "null": lambda path, whole: path.write_bytes(b"null\n"),
    # A regular file of which the first byte is an input/output error, for whoever reads it.
    "unreadable": lambda path, whole: path.symlink_to("/proc/self/mem"),
    "a folder": lambda path, whole: _folder(path),
    "a dangling link": lambda path, whole: path.symlink_to("nowhere"),
    "a pipe": lambda path, whole: os.mkfifo(path),
}

# --- studies, and the kinds of files in them ----------------------------------------------------
State = dict[str, tuple[str, str | int, int]]  # of each file what it is, how large or where a link leads, its time


@dataclass(frozen=True)
class Tree:
    """A study's root that is changed and brought back, file by file."""

    root: Path
    pictures: Path  # the originals of the set ``tests``
    whole: State
    contents: dict[str, bytes]

    @classmethod
    def of(cls, root: Path, pictures: Path) -> "Tree":
        """The tree as it is now."""
        return cls(root, pictures, dict(_entries(root)), _contents(root))

    @property
    def paths(self) -> StudyPaths:
        return StudyPaths(self.root / "tiny")

    def state(self) -> State:
        return dict(_entries(self.root))

    def restore(self) -> None:
        """Bring back what was changed, also its time, by which a report knows what it was made from."""
        now = self.state()
        for name in sorted(now, reverse=True):
            if now[name] != self.whole.get(name):
                _remove(self.root / name)
        for name, (kind, _, time_ns) in sorted(self.whole.items()):
            path = self.root / name
            if kind == "folder":
                path.mkdir(exist_ok=True)
            elif not os.path.lexists(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.contents[name])
                os.utime(path, ns=(time_ns, time_ns))
        assert self.state() == self.whole


def _contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _entries(root: Path) -> Iterator[tuple[str, tuple[str, str | int, int]]]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = f"{folder}/{name}"
            yield path.removeprefix(f"{root}/"), _entry(path)


def _entry(path: str) -> tuple[str, str | int, int]:
    seen = os.lstat(path)
    if stat.S_ISLNK(seen.st_mode):
        return "link", os.readlink(path), 0
    if stat.S_ISDIR(seen.st_mode):
        return "folder", "", 0
    if stat.S_ISFIFO(seen.st_mode):
        return "pipe", "", 0
    return "file", seen.st_size, seen.st_mtime_ns


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _first(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]


def _run(paths: StudyPaths, pattern: str) -> Path:
    return _first(paths.runs, f"r*/{pattern}")


def _shard(paths: StudyPaths, owner: str = "r") -> Path:
    return _first(paths.folder, f"scores/{owner}*/e*-000of???.parquet")


def _set_of(paths: StudyPaths, name: str) -> Path:
    return paths.root.pictures(json.loads(paths.contents.read_text())["sets"][name]["set_id"])


def _training_set(paths: StudyPaths) -> Path:
    of_sets = {_set_of(paths, "tests"), _set_of(paths, "evals")}
    return next(file for file in sorted(paths.root.data.glob("s*.json")) if file not in of_sets)


Find = Callable[[StudyPaths], Path]
KINDS: dict[str, tuple[str, Find]] = {
    "the study": ("whole", lambda paths: paths.config),
    "contents": ("whole", lambda paths: paths.contents),
    "provenance": ("whole", lambda paths: _first(paths.submissions, "*/provenance.json")),
    "the study as submitted": ("whole", lambda paths: _first(paths.submissions, "*/study.yaml")),
    "a log": ("whole", lambda paths: _first(paths.submissions, "*/*.log")),
    "a run's settings": ("whole", lambda paths: _run(paths, "config.yaml")),
    "a history": ("whole", lambda paths: _run(paths, "history.jsonl")),
    "the last state": ("whole", lambda paths: _run(paths, "checkpoints/last.pt")),
    "an earlier state": ("whole", lambda paths: _run(paths, "checkpoints/previous_1.pt")),
    "the best state": ("whole", lambda paths: _run(paths, "checkpoints/best.pt")),
    "a kept epoch": ("whole", lambda paths: _run(paths, "checkpoints/epoch_0001.pt")),
    "a restored picture": ("whole", lambda paths: _run(paths, "Test_*/epoch_0001/tests/photo3.png")),
    "a restored luma": ("whole", lambda paths: _run(paths, "Eval_*/epoch_0001/luma/evals/photo4.png")),
    "the mark of a folder": ("whole", lambda paths: _run(paths, "Test_*/epoch_0001/tests/.set")),
    "a baseline's picture": ("whole", lambda paths: _first(paths.baseline(""), "b*/evals/photo4.png")),
    "the mark of a baseline": ("whole", lambda paths: _first(paths.baseline(""), "b*/luma/evals/.set")),
    "scores": ("whole", _shard),
    "a baseline's scores": ("whole", lambda paths: _shard(paths, "b")),
    "an attempt": ("whole", lambda paths: _first(paths.attempts, "prepare-*.json")),
    "a run's attempt": ("whole", lambda paths: _run(paths, "attempts/train-*.json")),
    "who works on it": ("whole", lambda paths: paths.lock),
    "the page": ("whole", lambda paths: paths.report_page),
    "what the page is made from": ("whole", lambda paths: paths.report / "inputs.json"),
    "what tells pages that they are old": ("whole", lambda paths: paths.report / "changed.js"),
    "a table": ("whole", lambda paths: paths.report / "tables" / "luma.csv"),
    "a figure": ("whole", lambda paths: paths.report / "figures" / "loss.png"),
    "patches": ("whole", lambda paths: _first(paths.root.data, "d*.h5")),
    "a set": ("whole", lambda paths: _set_of(paths, "evals")),
    "the training set": ("whole", _training_set),
    "fingerprints": ("whole", lambda paths: paths.root.fingerprints),
    "a claim": ("whole", lambda paths: _first(paths.root.data, ".*.claim")),
    "what was set aside": ("whole", lambda paths: _run(paths, "history.jsonl.damaged")),
    "jobs": ("sent", lambda paths: _first(paths.submissions, "*/jobs.json")),
    "merged scores": ("merged", lambda paths: _first(paths.folder, "scores/r*/compact-*.parquet")),
    "an index": ("merged", lambda paths: _first(paths.folder, "scores/r*/compact-*.json")),
    "some scores": ("unfinished", lambda paths: _first(paths.folder, "scores/r*/*.partial.parquet")),
    "rows that are kept": ("unfinished", lambda paths: _first(paths.folder, "scores/r*/*.unfinished.jsonl")),
}


def _enrich(paths: StudyPaths) -> None:
    """What a finished study also holds where it was run for longer, elsewhere, or was killed."""
    last = _run(paths, "checkpoints/last.pt")
    shutil.copy(last, last.with_name("previous_1.pt"))
    write_json(paths.lock, asdict(Holder("elsewhere", 2**22 + 1, "0", "slurm", 1.0, "/nowhere")))
    shutil.copy(_run(paths, "history.jsonl"), _run(paths, "history.jsonl").with_name("history.jsonl.damaged"))
    patches = _first(paths.root.data, "d*.h5")
    write_json(patches.with_name(f".{patches.name}.claim"), [gethostname(), 2**22 + 1, _born_long_ago()])
    log, attempt = _first(paths.submissions, "*") / "1-train.log", _run(paths, "attempts/train-*.json")
    log.write_text("train: 1/1\n")
    write_json(attempt, {**json.loads(attempt.read_text()), "log": str(log)})


def _sent(paths: StudyPaths) -> None:
    submission = Submission(_first(paths.submissions, "*"), "slurm", sent_at=1.0)
    submission.number(submission.intend("train", [_run(paths, ".").name], "tiny-train"), "1")


def _merged(paths: StudyPaths) -> None:
    shutil.copy(_shard(paths), _shard(paths).with_name("e0000000000-0001-000of001.parquet"))
    assert compaction.compact_study(paths.folder)


def _unfinished(paths: StudyPaths) -> None:
    shard = _shard(paths)
    shutil.copy(shard, partial_shard(shard))
    shard.rename(shard.with_name("old"))
    rows = pq.read_table(shard.with_name("old")).to_pylist()
    shard.with_name("old").unlink()
    lines = [{"name": row["image"], "state": [], "rows": [row]} for row in rows]
    unfinished_shard(shard).write_text("".join(json.dumps(line) + "\n" for line in lines))


def _born_long_ago() -> str:
    return "-".join((*str(born(os.getpid())).split("-")[:-1], "1"))


ALTERED: dict[str, Callable[[StudyPaths], None]] = {
    "whole": _enrich,
    "sent": _sent,
    "merged": _merged,
    "unfinished": _unfinished,
}


@pytest.fixture(scope="module")
def trees(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    """Copies of the finished study: as it is, sent to SLURM once, with merged scores, with some scores only."""
    made = {}
    for name, alter in ALTERED.items():
        root = tmp_path_factory.mktemp(name) / "results"
        shutil.copytree(finished_once, root)
        alter(StudyPaths(root / "tiny"))
        made[name] = Tree.of(root, finished_once.parent / "test")
    return made


# --- the commands, and how they should end ------------------------------------------------------
Main = Callable[..., int]
Arguments = Callable[[Tree, Path], Iterable[object]]  # of a study, and a folder for what is made elsewhere


def _load(arguments: list[str]) -> int:
    """``analysis.load`` as a command: what it raises is said, and nothing else may come out of it."""
    try:
        analysis.load(arguments[0])
    except (DamagedFile, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


QUICK: dict[str, tuple[Main, Arguments]] = {
    "status": (status.main, lambda tree, out: (tree.paths.folder, "--json")),
    "logs": (logs.main, lambda tree, out: (tree.paths.folder,)),
    "clean": (clean.main, lambda tree, out: (tree.paths.folder, "--list")),
    "cancel": (cancel.main, lambda tree, out: (tree.paths.folder,)),
}
SLOWER: dict[str, tuple[Main, Arguments]] = {
    "table": (table.main, lambda tree, out: (tree.paths.folder,)),
    "load": (_load, lambda tree, out: (tree.paths.folder,)),
    "dry-run": (submit.main, lambda tree, out: (tree.paths.folder, "--dry-run", "--executor", "debug")),
    "doctor": (doctor.main, lambda tree, out: (tree.paths.folder,)),
    "compact": (compact.main, lambda tree, out: (tree.paths.folder,)),
    "plot": (plot.main, lambda tree, out: (tree.paths.folder, "--x", "run", "--overwrite", "--out", out / "plot.svg")),
    "report": (report.main, lambda tree, out: (tree.paths.folder,)),
    "evaluate": (
        compare_folders.main,
        lambda tree, out: (
            *("--reference", tree.pictures, "--estimate", _first(tree.paths.runs, "r*/Test_*/epoch_0001/tests")),
            *("--metrics", "psnr", "--workers", 1, "--out", out / "scores"),
        ),
    ),
    "restore": (
        restore.main,
        lambda tree, out: (tree.pictures, "--model", _first(tree.paths.runs, "r*"), "--overwrite", "--out", out),
    ),
}
COMMANDS = QUICK | SLOWER
WHEEL = ("table", "dry-run", "compact", "plot", "load", "doctor", "table", "report", "dry-run", "compact")
# Commands that read only some kinds, which meet every damage of them.
READERS = {
    "a restored picture": ("evaluate",),
    "the best state": ("restore",),
    "scores": ("load",),
}


READ = "status logs clean cancel dry-run"  # what says how a study stands
SHOW = "table load plot report"  # what shows its results
LOST_LINK = ("a dangling link", "status", 3)  # the file is not there, so its task is missing
# Whatever is amiss with what says that a task is done, it is not; a disk that fails has its name said.
NOT_KNOWN = [("", "status", 3), LOST_LINK, ("unreadable", "status", 1)]
# Of a kind: damages (none named: any but unreadable and a link that leads nowhere), commands, status; others give 0.
RIGHT: dict[str, list[tuple[str, str, int]]] = {
    "the study": [
        ("", "dry-run", 2),
        ("unreadable, a dangling link", "dry-run", 2),
        ("empty, cut, garbage, null, a dangling link", "doctor", 1),
        ("unreadable, a folder, a pipe", "doctor", 2),
    ],
    "contents": [
        ("", f"status logs clean cancel {SHOW}", 2),
        ("a dangling link", f"status logs clean cancel {SHOW}", 2),
        ("unreadable", f"{READ} doctor {SHOW}", 2),
    ],
    "a log": [("unreadable, a folder, a pipe", "logs", 2)],
    "the last state": [LOST_LINK],
    "a kept epoch": [LOST_LINK],
    "the best state": [LOST_LINK, ("", "restore", 2), ("unreadable", "restore", 2)],
    "a restored picture": [LOST_LINK, ("", "evaluate", 2), ("unreadable, a dangling link", "evaluate", 2)],
    "a restored luma": [LOST_LINK],
    "a baseline's picture": [LOST_LINK],
    "a run's settings": [("", SHOW, 2), ("unreadable", SHOW, 2)],
    "a history": [
        *NOT_KNOWN,
        ("", "report", 2),
        ("empty", "report", 0),
        ("unreadable", "report dry-run", 2),
        ("unreadable", "doctor", 1),
    ],
    "the mark of a folder": [*NOT_KNOWN, ("unreadable", "dry-run", 2), ("unreadable", "doctor", 1)],
    "the mark of a baseline": [*NOT_KNOWN, ("unreadable", "dry-run", 2), ("unreadable", "doctor", 1)],
    "scores": [
        ("", "status", 1),
        ("", SHOW, 2),
        ("unreadable", "status", 1),
        ("unreadable", f"dry-run {SHOW}", 2),
        LOST_LINK,
    ],
    "an attempt": [("unreadable", f"{READ} report", 2)],
    "who works on it": [("", READ, 2), ("unreadable, a dangling link", READ, 2)],
    "the page": [LOST_LINK],
    "what the page is made from": [*NOT_KNOWN, ("unreadable", "dry-run", 2), ("unreadable", "doctor", 1)],
    "a set": [
        ("", "report", 2),
        ("unreadable", "status", 1),
        ("unreadable", "report dry-run", 2),
        ("unreadable", "doctor", 1),
    ],
    "the training set": [("unreadable", "dry-run", 2), ("unreadable", "doctor", 1)],
    "fingerprints": [("unreadable", "dry-run", 2), ("unreadable", "doctor", 1)],
    "jobs": [("", READ, 2), ("unreadable", READ, 2)],
    "an index": [
        *NOT_KNOWN,
        ("unreadable", f"clean dry-run compact {SHOW}", 2),
        ("unreadable", "doctor", 1),
    ],
    "some scores": [("", SHOW, 2), ("unreadable", SHOW, 2)],
}
RIGHT["a baseline's scores"] = RIGHT["merged scores"] = RIGHT["scores"]
RIGHT["a run's attempt"] = RIGHT["an attempt"]
SOMETHING_GOES = {"whole"}  # where clean finds what it would remove, and is told not to
NOT_DONE = {"unfinished"}  # where a task is missing


def usual_status(kind: str, command: str) -> int:
    """How a command ends on the study that a kind of file is in, where nothing is damaged."""
    tree = KINDS[kind][0]
    return {"clean": int(tree in SOMETHING_GOES), "status": 3 * (tree in NOT_DONE)}.get(command, 0)


def right_status(kind: str, damage: str, command: str) -> int:
    """How a command should end where a file of a kind is damaged in a way."""
    right = usual_status(kind, command)
    for damages, commands, as_told in RIGHT.get(kind, ()):
        meant = damage in damages.split(", ") if damages else damage not in ("unreadable", "a dangling link")
        if meant and command in commands.split():
            right = as_told
    return right


class Terminal(io.StringIO):
    """Somebody at a terminal who says no to everything."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on(monkeypatch, ends, tmp_path, without_figures):
    """``on(tree, command)``: how a command on its study ends, as a process of its own would."""
    monkeypatch.setattr("runner.record.lock.GRACE_S", 0.0)  # nobody writes the lock meanwhile
    monkeypatch.setattr("runner.actions.doctor.CHECKS", {"study": checks.CHECKS["study"]})  # all others read no study

    def run(tree: Tree, command: str):
        for remembered in (load_set, pictures._read, pictures._listed, pictures._data_config):
            remembered.cache_clear()
        monkeypatch.setattr("sys.stdin", Terminal("n\n" * 9))
        main, arguments = COMMANDS[command]
        return ends(main, *arguments(tree, tmp_path), limit_s=LIMIT_S)

    return run


def _damaged(path: Path, damage: str) -> None:
    whole = path.read_bytes()
    path.unlink()
    DAMAGES[damage](path, whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_ends_every_command_as_it_should_and_harms_no_other_file(trees, on, kind):
    tree_name, find = KINDS[kind]
    tree = trees[tree_name]
    path = find(tree.paths)
    own = str(path.relative_to(tree.root).with_suffix(""))  # also what it is set aside as, and its index
    wrong = []
    for number, damage in enumerate(DAMAGES):
        slower = WHEEL[(number + list(KINDS).index(kind)) % len(WHEEL)]
        for command in COMMANDS if ALL else (*QUICK, slower, *READERS.get(kind, ())):
            _damaged(path, damage)
            ended = on(tree, command)
            after = tree.state()
            told = f"{damage}, {command}: {ended.status}, {ended.said[-400:]}"
            if ended.status != right_status(kind, damage, command):
                wrong.append(f"not {right_status(kind, damage, command)}: {told}")
            # A folder is no picture, so it is the one that it lies in that holds none.
            name = path.parent.name if (damage, command) == ("a folder", "evaluate") else path.name
            if ended.status in {1, 2} - {usual_status(kind, command)} and name not in ended.said:
                wrong.append(f"it is not named: {told}")
            if "report it" in ended.said:
                wrong.append(f"the program is blamed: {told}")
            changed = {each for each in {*tree.whole, *after} if tree.whole.get(each) != after.get(each)}
            made = "tiny/report/" if command == "report" else own
            lost = sorted(each for each in changed if not each.startswith((own, made)))
            if lost:
                wrong.append(f"changed {lost}: {told}")
            if damage == "a folder" and not any(each.endswith("own.txt") for each in after):
                wrong.append(f"what was in the folder is gone: {told}")
            tree.restore()
    assert _contents(tree.root) == tree.contents
    assert not wrong, "\n".join(wrong)


# --- a submission makes it whole again ----------------------------------------------------------
# Of some kinds, what is lost beside them, so that they are read.
LOST = {
    "the last state": "runs/*/checkpoints/best.pt",
    "an earlier state": "runs/*/checkpoints/*t.pt",
    "the best state": "runs/*/checkpoints/last.pt",
    "a kept epoch": "runs/*/Test_*/epoch_0001/tests/*.png",
    "a restored picture": "scores/r*/*.parquet",
    "a restored luma": "scores/r*/*.parquet",
    "a baseline's picture": "scores/b*/*.parquet",
    "a claim": "../data/*.h5",
    "patches": "runs/*/checkpoints/*.pt",
}
KEPT = {"the study", "jobs"}  # what cannot be made again is named, and stays
AT_ONCE = {"a restored picture", "a restored luma", "a baseline's picture"}  # found before they are scored
SHOWN = {
    "what tells pages that they are old",
    "a table",
    "a figure",
}  # no submission looks at them: whoever wants them again makes a report


def _pairs() -> Iterator[tuple[str, str]]:
    for kind in (kind for kind in KINDS if kind not in KEPT):
        # A disk that fails is named to whoever can mend it; nothing is removed from it.
        damages = [damage for damage in DAMAGES if damage != "unreadable"]
        yield from ((kind, damage) for damage in (damages if ALL else [random.Random(kind).choice(damages)]))


@pytest.mark.parametrize(("kind", "damage"), list(_pairs()))
def test_a_submission_makes_the_study_whole_again_with_the_same_scores(
    trees, ends, monkeypatch, without_figures, kind, damage
):
    name, find = KINDS[kind]
    tree = trees[name]
    path = find(tree.paths)
    monkeypatch.setattr("runner.record.lock.GRACE_S", 0.0)
    monkeypatch.setattr("jobs.claim.STALE_S", 0.2)
    if kind not in {*SHOWN, "the page"}:  # a report takes a second
        monkeypatch.setattr("analysis.build.write_report", lambda _, *__: write_text(tree.paths.report_page, "page"))
    try:
        _damaged(path, damage)
        for lost in tree.paths.folder.glob(LOST.get(kind, "nothing")):
            lost.unlink()
        # What is damaged within is found when it is read, and made again by the next.
        for _ in range(1 if kind in AT_ONCE else 2):
            load_set.cache_clear()
            ended = ends(submit.main, tree.paths.folder, "--executor", "debug", of_tasks=True, limit_s=4 * LIMIT_S)
            if ended.status == 0:
                break
        assert ended.status == 0, ended
        assert "Everything is done." in ends(submit.main, tree.paths.folder, "--executor", "debug").said
        assert ends(status.main, tree.paths.folder).status == 0
        assert _scores(tree.paths).equals(_scores(trees["whole"].paths))
        if kind in SHOWN:
            assert ends(report.main, tree.paths.folder).status == 0
            assert path.is_file()
        assert damage != "a folder" or any(each.endswith("own.txt") for each in tree.state())
    finally:
        tree.restore()


def _scores(paths: StudyPaths):
    frame = analysis.load(paths.folder).astype(object)
    return frame.sort_values(["set", "image", "method", "run_id"], ignore_index=True)
