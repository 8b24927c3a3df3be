"""What surrounds a command never ends it in a stack of calls: a sentence says which file, what is wrong, what to do."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

from srcnn.damage import DamagedFile
from srcnn.door import command, sentence

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/results/a.pt")


def ends_with(error, capsys):
    """Status and complaint of a command that meets an error."""

    @command
    def main(argv=None):
        raise error

    status = main([])
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
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "a text is no utf-8"),
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


def test_a_fault_of_ours_keeps_its_stack_of_calls(capsys):
    with pytest.raises(KeyError):
        ends_with(KeyError("runs"), capsys)


def test_the_stack_of_calls_is_shown_on_request(monkeypatch, capsys):
    monkeypatch.setenv("SRCNN_DEBUG", "1")
    with pytest.raises(OSError, match="No space left"):
        ends_with(NO_SPACE, capsys)


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


def test_every_command_goes_through_the_door():
    files = [
        file for package in ("srcnn", "jobs", "runner", "analysis") for file in (REPOSITORY / package).rglob("*.py")
    ]
    texts = {file: text for file in files if "\ndef main(argv" in (text := file.read_text())}
    assert texts
    assert [file for file, text in texts.items() if "@command\ndef main(argv" not in text] == []
