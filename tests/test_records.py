"""What is read from disk is checked where it is read: a value or a named error, and submit makes it again."""

import json
import os

import pytest
from finished_study import interrupted_after

from analysis.study import open_study
from analysis.table import main as table
from jobs.checkpoint import CheckpointError
from jobs.claim import build_once
from jobs.kept_scores import KeptScores
from jobs.pictures import Fingerprint, load_set
from runner.cancel import main as cancel
from runner.clean import main as clean
from runner.logs import main as logs
from runner.record.lock import Holder
from runner.status import main as status
from runner.study.config import ConfigError, load_study
from runner.submit import main as submit
from srcnn.checkpoint import Checkpoint
from srcnn.contents import LAYOUT, Contents
from srcnn.damage import DamagedFile
from srcnn.files import read_cache, write_text
from srcnn.history import Epoch, read_history
from srcnn.paths import RootPaths
from srcnn.picture_list import ListedPicture
from srcnn.records import record
from srcnn.schema import KEY_COLUMNS, Attempt

CONTENT = {"digest": "d", "height": 2, "width": 3, "thumbnail": "A" * 342 + "==", "grey": False, "content": "c"}
WHOLE = {
    ListedPicture: {"name": "a", "path": "/a.png", "frame": None, **CONTENT},
    Fingerprint: {"stamp": [1, 2], "pictures": [CONTENT]},
    Attempt: {"stage": "train", "task": "r0", "number": 1, "host": "h", "pid": 1, "start": 1.0},
    Holder: {"host": "h", "pid": 1, "born": None, "executor": "local", "start": 1.0},
    Contents: {
        "layout": LAYOUT,
        "study": "s",
        "runs": [],
        "sets": {"a": {"group": "test", "set_id": "s0"}},
        "tasks": [],
    },
    Epoch: {
        **dict.fromkeys(("epoch", "steps"), 1),
        **dict.fromkeys(("train_loss", "holdout_loss", "learning_rate", "seconds", "cpu_seconds"), 0.5),
        **{"patches_per_second": 2.0, "peak_memory_mb": 3.0, "precision": "float32", "sets": {}},
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_record_without_its_first_field_or_with_a_folder_of_things_in_it_is_refused_in_a_line(kind):
    assert record(kind)(WHOLE[kind])
    first, *others = WHOLE[kind]
    for value in ({name: WHOLE[kind][name] for name in others}, {**WHOLE[kind], first: {"a": [None]}}, [], None):
        with pytest.raises(ValueError, match=r"^.+$"):
            record(kind)(value)


@pytest.mark.parametrize("name", ["\x1e", "a\nb", "\u2028"])
def test_a_key_that_would_break_the_line_is_written_out_where_it_is_named(name):
    for held in (None, {}):
        with pytest.raises(ValueError, match=r"^.+$") as caught:
            record(Contents)({**WHOLE[Contents], "sets": {name: held}})
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "a/../../b", ""])
def test_a_name_in_a_list_of_pictures_that_leads_elsewhere_is_damage(tmp_path, name):
    root = RootPaths(tmp_path)
    write_text(root.pictures("s0"), json.dumps([{**WHOLE[ListedPicture], "name": name}]))
    load_set.cache_clear()
    with pytest.raises(DamagedFile, match="names no picture in a folder"):
        load_set(root, "s0")


def test_settings_of_a_run_that_were_cut_anywhere_are_damaged(finished):
    (config,) = finished.runs.glob("*/config.yaml")
    text = config.read_bytes()
    line_ends = [place + 1 for place, byte in enumerate(text) if byte == ord("\n")][:-1]
    for end in [*range(0, len(text), 300), *line_ends[::2], len(text) - 1]:
        config.write_bytes(text[:end])
        with pytest.raises(DamagedFile, match=r"config\.yaml: is damaged"):
            assert open_study(finished.folder).runs


ROW = {**dict.fromkeys(KEY_COLUMNS), "set": "s", "image": "a", "epoch": 1, "psnr": 2.5}


def _as_folder(path):
    path.mkdir()
    (path / "own").write_text("precious")


STANDING = {
    "a folder": _as_folder,
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("thing", STANDING)
def test_what_stands_in_the_place_of_kept_scores_is_set_aside(tmp_path, thing):
    STANDING[thing](tmp_path / "kept.jsonl")
    kept = KeptScores(tmp_path / "kept.jsonl")
    assert kept.rows() == []
    with kept.adding() as add:
        add("b", [], [ROW])
    assert kept.rows() == [ROW]
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("thing", STANDING)
def test_what_stands_in_the_place_of_a_claim_is_set_aside(tmp_path, thing):
    STANDING[thing](tmp_path / ".x.claim")
    with interrupted_after(30):
        build_once(tmp_path / "x", lambda: write_text(tmp_path / "x", "built"), poll_s=0.01)
    assert (tmp_path / "x").read_text() == "built"
    assert os.path.lexists(tmp_path / ".x.claim.damaged")


def test_an_empty_line_more_is_no_damage(finished):
    history = next(finished.runs.glob("*/history.jsonl"))
    before = read_history(history)
    history.write_bytes(b"\n" + history.read_bytes() + b"\n\n")
    assert read_history(history) == before


@pytest.mark.parametrize("content", [{}, {"executor": "slurm"}, {"executor": 7, "sent_at": 0.0, "arrays": []}, []])
def test_a_record_of_jobs_of_another_form_is_named_and_never_passed_over(finished, ends, content):
    file = next(finished.submissions.iterdir()) / "jobs.json"
    file.write_text(json.dumps(content))
    for command in (status, logs, cancel):
        ended = ends(command, finished.folder)
        assert ended.status == 2
        assert f"{file}: is damaged" in ended.said


# --- something else stands in the place of a file --------------------------------------------
FILES = {
    "contents": lambda paths: paths.contents,
    "fingerprints": lambda paths: paths.root.fingerprints,
    "set": lambda paths: next(paths.root.data.glob("s*.json")),
    "history": lambda paths: next(paths.runs.glob("*/history.jsonl")),
}
IN_PLACE = {"a folder": os.mkdir, "a pipe": os.mkfifo, "a link": lambda path: path.symlink_to("nowhere")}


@pytest.mark.parametrize("thing", IN_PLACE)
@pytest.mark.parametrize("name", FILES)
def test_what_stands_in_the_place_of_a_record_stops_no_command_for_ever_and_submit_makes_it_again(
    finished, ends, name, thing, monkeypatch
):
    # The page takes seconds to draw.
    monkeypatch.setattr("analysis.build.write_report", lambda folder, *_: write_text(finished.report_page, "page"))
    file = FILES[name](finished)
    file.unlink()
    IN_PLACE[thing](file)
    for command in (status, logs, table, cancel):
        lacks = name == "history" and command is status  # it says that the training is to be completed
        assert ends(command, finished.folder).status == (2 if name == "contents" else 3 if lacks else 0)
    assert ends(submit, finished.folder, "--executor", "debug").status == 0
    assert file.is_file()
    assert "Everything is done." in ends(submit, finished.folder, "--executor", "debug").said


# --- the right diagnosis ----------------------------------------------------------------------
@pytest.mark.parametrize(("value", "shown"), [("null", "found null"), ("[true]", "found [true]")])
def test_a_value_is_shown_as_the_file_has_it(tmp_path, value, shown):
    file = tmp_path / "a.yaml"
    file.write_text(f"data: {{train: bundled, scale: {value}}}\n")
    with pytest.raises(ConfigError, match=shown.replace("[", r"\[").replace("]", r"\]")):
        load_study(str(file))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\nand so on", b"a text of somebody's\n"])
def test_a_file_of_another_kind_is_not_called_a_damaged_checkpoint(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="is a file of another kind, not a checkpoint"):
        Checkpoint.load(tmp_path / "a.pt")


def test_a_cache_that_can_neither_be_read_nor_set_aside_says_so(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("torn")

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(DamagedFile, match=r"could not be set aside \(Read-only file system\): delete it"):
        read_cache(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        *((name, value) for name in ("run_id", "eval_id") for value in ("../../victim", "/etc", "r1\n", "", "R1")),
        *(("degradation_id", "b/../.."), ("data_id", "."), ("set_id", "..%2f"), ("sets", "../x"), ("sets", ".x")),
    ],
)
def test_ids_and_names_of_sets_that_could_lead_elsewhere_are_refused_where_they_are_read(finished, ends, where, value):
    contents = json.loads(finished.contents.read_text())
    if where == "sets":
        contents["sets"][value] = contents["sets"].pop("tests")
    elif where == "set_id":
        contents["sets"]["tests"][where] = value
    else:
        contents["runs"][0][where] = value
    finished.contents.write_text(json.dumps(contents))
    ended = ends(status, finished.folder)
    assert (ended.status, f"{finished.contents}: is damaged ({'sets' if 'set' in where else 'runs'}" in ended.said) == (
        2,
        True,
    )
    assert "writes it again" in ended.said


@pytest.mark.parametrize(
    ("name", "value"), [("start", 1e300), ("start", float("nan")), ("start", -1), ("study", "\0"), ("host", "a\0")]
)
def test_a_runner_that_is_none_is_named_by_its_file(finished, ends, monkeypatch, name, value):
    monkeypatch.setattr("runner.record.lock.GRACE_S", 0.0)  # nobody writes the lock meanwhile
    finished.lock.write_text(json.dumps({**WHOLE[Holder], name: value}))
    for command in (status, cancel, clean):
        assert f"{finished.lock}: is damaged" in ends(command, finished.folder).said
    assert "Everything is done." in ends(submit, finished.folder, "--executor", "debug").said


def test_a_log_that_is_a_pipe_or_no_path_is_named(finished, ends, tmp_path):
    record_file = next(finished.runs.glob("*/attempts/train*.json"))
    value = json.loads(record_file.read_text())
    os.mkfifo(tmp_path / "pipe")
    record_file.write_text(json.dumps({**value, "outcome": "failed", "log": str(tmp_path / "pipe")}))
    ended = ends(logs, finished.folder)
    assert (ended.status, "is a pipe" in ended.err) == (2, True), ended
    for field in ("log", "submission"):
        record_file.write_text(json.dumps({**value, field: "a\0b"}))
        for command in (status, logs, cancel, clean):
            ends(command, finished.folder)
