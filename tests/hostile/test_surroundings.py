"""Settings, folders and leftovers of the user's own neither stop a command nor change what it makes."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import REPOSITORY, write_pictures
from score_tables import row, write_study

from analysis.plot import main as plotted
from jobs.folders import remove_folder
from jobs.pictures import PictureError, read_set
from runner.executors import snapshot
from runner.record.lock import study_lock
from srcnn.paths import RootPaths, StudyPaths


def run(module, *arguments, prefix=(), **environment):
    command = [*prefix, sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def study(tmp_path):
    epochs = {epoch: [row(f"p{i}", psnr=20.0 + epoch + i) for i in range(3)] for epoch in (1, 2)}
    return write_study(tmp_path / "study", {"run": {"epochs": epochs}}, [row("p0", "bicubic", psnr=19.0)])


def test_figures_look_the_same_whatever_the_library_was_told(study, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / ".reportlab_settings").write_text(
        "invariant = 0\npageCompression = 0\npdfMultiLine = 1\nrenderPMBackend = '_renderPM'\n"  # as older ones took
    )
    theirs = {"HOME": str(tmp_path / "theirs"), "RL_canvas_basefontname": "Nope", "RL_pageCompression": "abc"}
    plot = ["--y", "psnr", "--x", "epoch", "--out"]
    for suffix in (".png", ".pdf"):
        plain, told = (tmp_path / f"{name}{suffix}" for name in ("plain", "told"))
        assert plotted([str(study), *plot, str(plain)]) == 0
        done = run("analysis.plot", study, *plot, told, **theirs)
        assert done.returncode == 0, done.stderr
        assert told.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("package", [True, False])
def test_what_lies_beside_own_code_and_is_none_does_not_stop_a_submission(tmp_path, monkeypatch, package):
    folder = tmp_path / "mine" / "pack" if package else tmp_path / "mine"
    folder.mkdir(parents=True)
    for name in ("__init__", "beside") if package else ("pack", "beside"):
        (folder / f"{name}.py").write_text("VALUE = 1\n")
    (folder / ".#beside.py").symlink_to("somebody@host.1234:567")  # as Emacs marks what is being edited
    (folder / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(folder / "pipe.py")
    (folder / "up").symlink_to(folder.parent)
    (folder / "itself.py").symlink_to("itself.py")
    for name in snapshot.PACKAGES:
        (tmp_path / "home" / name).mkdir(parents=True)
    monkeypatch.setattr(snapshot, "_home", lambda: tmp_path / "home")
    monkeypatch.setattr(snapshot, "own_modules", lambda plan: ["pack"])
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    snapshot.take_snapshot(None, tmp_path / "submission")
    copied = tmp_path / "submission" / "code" / ("pack" if package else "")
    expected = {"__init__.py", "beside.py"} if package else {"pack.py", "beside.py", *snapshot.PACKAGES}
    assert {path.name for path in copied.iterdir()} == expected


def test_what_is_no_picture_among_pictures_is_named_and_an_editors_lock_is_no_picture(tmp_path):
    folder = write_pictures(tmp_path / "pictures", [1])
    (folder / ".#photo1.png").symlink_to("somebody@host.1234:567")
    assert len(read_set([str(folder)], RootPaths(tmp_path)).pictures) == 1
    (folder / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(PictureError) as caught:
        read_set([str(folder)], RootPaths(tmp_path))
    assert f"{folder / 'gone.png'}: is a link that leads nowhere" in str(caught.value)
    assert f"{folder / 'pipe.png'}: is a pipe, a socket or a device" in str(caught.value)


def test_a_folder_with_a_long_name_is_removed(tmp_path):
    (tmp_path / ("f" * 255)).mkdir()
    remove_folder(tmp_path / ("f" * 255))
    assert list(tmp_path.iterdir()) == []


def test_a_study_is_locked_where_there_are_no_links(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(os, "symlink", refused)
    paths = StudyPaths(tmp_path / "study")
    with study_lock(paths, "local"):
        assert paths.lock.exists()
    assert list(paths.folder.iterdir()) == []


@pytest.fixture
def read_only(study):
    """The study where this user may only read, and what to put before a command."""
    (study / "runs" / "r0000000000" / "torn.damaged").write_text("torn")  # something to remove
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own to all others
        copy = Path(shutil.copytree(study, Path(folder) / "study"))
        places = [*Path(folder).rglob("*"), Path(folder)]
        for place in places:
            place.chmod(0o555 if place.is_dir() else 0o444)
        # Nothing is forbidden to root: somebody else looks.
        yield copy, ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.getuid() == 0 else ()
        for place in places:
            place.chmod(0o755)


COMMANDS = """
import importlib, sys

folder, *commands = sys.argv[1:]
for command in commands:
    module, *words = command.split()
    print(module, importlib.import_module(module).main([folder, *words]), file=sys.stderr)
"""


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="nobody else can be")
def test_in_a_study_that_can_only_be_read_what_writes_says_so_and_what_reads_works(read_only):
    folder, prefix = read_only
    writing = ["analysis.report", "analysis.compact", "runner.clean --yes"]
    commands = [*writing, "analysis.table --by run --metric psnr", "runner.status"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": "/nonexistent"}
    command = [*prefix, sys.executable, "-c", COMMANDS, str(folder), *commands]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True)
    said, *statuses = re.split(r"^[a-z]+\.[a-z]+ (\d)\n", done.stderr, flags=re.M)
    for text in (said, *statuses[1:5:2]):
        assert "Permission denied; see whose it is" in text
        assert "Traceback" not in text
    assert [statuses[0], statuses[2], statuses[4]] == ["2"] * 3
    assert (statuses[5], statuses[6]) == ("", "0")
    assert statuses[8] in ("0", "1", "3")
