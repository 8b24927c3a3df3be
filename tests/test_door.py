"""What surrounds a command never ends it in a stack of calls: a sentence says which file, what is wrong, what to do."""

import errno
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pytest
import yaml
from conftest import REPOSITORY

from analysis import table
from srcnn.damage import DamagedFile
from srcnn.door import command, sentence

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/results/a.pt")


def ends_with(error, capsys, *arguments):
    """Status and complaint of a command that meets an error."""

    @command
    def main(argv=None):
        raise error

    status = main(list(arguments))
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NO_SPACE, "error: /results/a.pt: No space left on device; make room (python -m runner.clean"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "error: /a: Permission denied; see whose it is"),
        (
            DamagedFile(Path("/a.json"), "it is empty"),
            "error: /a.json: is damaged (it is empty); submit the study again",
        ),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "a text is not utf-8"),
        (MemoryError("Unable to allocate 9 TiB"), "the memory is used up (Unable to allocate 9 TiB); give it more"),
        (FileNotFoundError("/a: no such study; is it mistyped?"), "error: /a: no such study; is it mistyped?"),
        (shutil.Error([("/a/b.py", "/c/b.py", "Permission denied")]), "/a/b.py could not be copied to /c/b.py"),
    ],
)
def test_what_the_surroundings_cause_is_one_sentence_with_the_remedy(error, words, capsys):
    status, said = ends_with(error, capsys)
    assert status == 2
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_fault_of_ours_keeps_its_stack_of_calls_and_asks_for_a_report(capsys):
    with pytest.raises(KeyError) as caught:
        ends_with(KeyError("runs"), capsys)
    assert "please report it" in caught.value.__notes__[0]


def test_the_stack_of_calls_is_in_a_log_that_is_named_or_shown_on_request(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    status, said = ends_with(NO_SPACE, capsys)
    (log,) = tmp_path.glob("srcnn-*.log")
    assert f"(where it arose: {log})" in said
    assert "raise error" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    status, said = ends_with(NO_SPACE, capsys, "--debug")
    assert status == 2
    assert "Traceback (most recent call last)" in said
    assert said.splitlines()[-1].startswith("error: /results/a.pt: No space left on device")
    assert len(list(tmp_path.iterdir())) == 1


def test_where_no_log_can_be_written_the_request_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    assert "(--debug shows where)" in ends_with(NO_SPACE, capsys)[1]


def test_a_command_is_not_given_what_is_for_the_door_but_all_behind_two_dashes():
    given = []

    @command
    def main(argv=None):
        given.append(argv)
        return 0

    main(["a", "--debug", "--", "--debug"])
    assert given == [["a", "--", "--debug"]]


def test_help_tells_of_debug(capsys):
    with pytest.raises(SystemExit):
        table.main(["--help"])
    assert "--debug" in capsys.readouterr().out


def raised(read):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        read()
    return caught.value


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda: json.loads("{"), "JSON"),
        (lambda: yaml.safe_load("a: ["), "YAML"),
        (lambda: pyarrow.ipc.open_file(pyarrow.py_buffer(b"x" * 99)), "Parquet"),
    ],
)
def test_a_library_that_cannot_read_a_file_ends_in_a_sentence(read, kind, capsys):
    status, said = ends_with(raised(read), capsys)
    assert status == 2
    assert f"could not be read as {kind}" in said
    assert len(said.splitlines()) == 1


def test_every_number_of_the_system_has_words():
    assert all(sentence(OSError(number, os.strerror(number), "/a")).startswith("/a: ") for number in errno.errorcode)


PROGRAM = """
import sys
from srcnn.door import command, is_unread

@command
def main(argv=None):
    for number in range(200_000):
        print(number, "\\N{LATIN SMALL LETTER E WITH ACUTE}\\udcff")
    sys.stdout.flush()
    print("to the end", is_unread(), file=sys.stderr)
    return 7

sys.exit(main())
"""


def test_a_command_whose_reader_goes_away_works_on_to_its_own_status(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "ascii"}
    script = '"$0" program.py | head -n 1; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 \\xe9\\udcff\n7\n"
    assert done.stderr == "to the end True\n"


# Two run in a batch script, by whatever Python a node has and before anything of ours can be imported; the third does
# a task whose errors its supervisor records.
BESIDE_THE_DOOR = {f"runner/executors/slurm/{name}.py" for name in ("requeue", "hold", "pack_member")}


def test_every_command_goes_through_the_door():
    packages = ("srcnn", "jobs", "runner", "analysis")
    files = [file for package in packages for file in (REPOSITORY / package).rglob("*.py")]
    commands = {
        str(file.relative_to(REPOSITORY))
        for file in files
        if file.name == "__main__.py" or re.search(r"^if __name__ ==", file.read_text(), re.MULTILINE)
    }
    assert commands >= {"runner/submit.py", "jobs/evaluate.py", "srcnn/metrics/__main__.py", *BESIDE_THE_DOOR}
    beside = set()
    for place in commands:
        other = re.search(r"^    from ([\w.]+) import main$", (REPOSITORY / place).read_text(), re.MULTILINE)
        name = other[1] if other else place.removesuffix(".py").replace("/", ".")
        if not getattr(importlib.import_module(name).main, "is_behind_the_door", False):
            beside.add(place)
    assert beside == BESIDE_THE_DOOR


def test_a_working_folder_that_is_gone_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    status, said = ends_with(NO_SPACE, capsys)
    assert (status, said) == (2, "error: the working folder is gone; change to one that is there with cd\n")
