"""What a command prints never ends it, whoever reads it, and nothing in it steers a terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest
from conftest import REPOSITORY
from score_tables import row, write_study

from srcnn.files import read_json
from srcnn.words import printable, whole

LABEL = "[/red] [bold] :smile: \x1b[31m\x1b]0;title\x07 half \ud800 \u202e Ψ"
SHOWN = "[/red] [bold] :smile: \\x1b[31m\\x1b]0;title\\x07 half \\ud800 \\u202e Ψ"
PROGRAM = """
import sys
from rich.text import Text
from srcnn.door import command
from srcnn.terminal import Terminal

NAME = {label!r}

@command
def main(argv):
    print(NAME)
    Terminal(width=200).print(NAME, style="bold")
    Terminal(width=200).print(Text(NAME))
    print(NAME, file=sys.stderr)
    with open("after", "w") as file:
        file.write("to the end")
    return 0

if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM.format(label=LABEL), encoding="utf-8")
    return tmp_path


def run(folder, redirection="", **environment):
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    script = f'"$0" program.py {redirection}'
    return subprocess.run(["bash", "-c", script, sys.executable], cwd=folder, env=surroundings, capture_output=True)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_what_is_printed_is_letters_in_every_encoding(program, encoding):
    done = run(program, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    shown = SHOWN.encode(encoding, "backslashreplace")
    by_print, *by_rich = [line.rstrip() for line in done.stdout.splitlines()]
    assert by_print == shown
    assert by_rich == [shown.replace(b"\\x07", b"")] * 2  # rich drops bells itself
    assert done.stderr.splitlines() == [shown]


def test_code_that_closes_the_output_does_not_end_what_is_printed_after_it(program):
    text = PROGRAM.format(label="plain").replace("    print(NAME)\n", "    sys.stdout.close()\n    print(NAME)\n")
    (program / "program.py").write_text(text)
    done = run(program)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, b"plain"), done.stderr
    assert done.stderr == b"plain\n"


@pytest.mark.parametrize(
    ("redirection", "complaint"),
    [
        (">&-", ""),
        (">&- 2>&-", ""),
        ("2>&-", ""),
        ("2>/dev/full >/dev/full", ""),
        (">/dev/full", "error: what was printed could not be written: No space left on device"),
        ("| true", ""),
        ("2>&1 | head -n 1 >/dev/null", ""),
        ("<&- >&- 2>&-", ""),
    ],
)
def test_a_command_ends_as_ever_where_nobody_takes_its_output(program, redirection, complaint):
    done = run(program, f'{redirection}; exit "${{PIPESTATUS[0]}}"')
    assert done.returncode == 0, done.stderr
    assert (program / "after").read_text() == "to the end"
    assert b"Traceback" not in done.stderr
    assert complaint.encode() in done.stderr


def test_only_our_own_styles_reach_a_terminal(program):
    primary, secondary = pty.openpty()
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": ""}
    done = subprocess.Popen(
        [sys.executable, "program.py"], cwd=program, env=surroundings, stdout=secondary, stderr=secondary
    )
    os.close(secondary)
    said = b""
    while True:
        try:
            said += os.read(primary, 65536)
        except OSError:  # the other end is closed
            break
    assert done.wait() == 0
    os.close(primary)
    text = said.decode()
    assert "\x1b[1m" in text  # bold, as we asked
    assert "\x1b[31m" not in text
    assert "\x1b]0" not in text
    assert "\x07" not in text
    assert text.count(SHOWN) >= 2


def test_a_table_that_cannot_be_written_is_a_failure_and_one_that_nobody_reads_is_none(tmp_path):
    study = write_study(tmp_path / "study", {"a": {"epochs": {1: [row("p", psnr=1.0)]}}}, [], metrics=("psnr",))
    command = f'"$0" -m analysis.table {study} --metric psnr'
    for redirection, status in ((">/dev/full", 2), (">&-", 0)):
        surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        script = f"{command} {redirection}"
        done = subprocess.run(["bash", "-c", script, sys.executable], env=surroundings, capture_output=True)
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr


def test_a_submission_whose_output_goes_nowhere_keeps_its_record(finished):
    for record in finished.attempts.glob("*.json"):  # all of the study is done, but for its report
        if read_json(record)["stage"] == "report":
            record.unlink()
    finished.report_page.unlink()
    command = f'"$0" -m runner.submit {finished.folder} --executor local --cores 1 >/dev/full 2>&-'
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(["bash", "-c", command, sys.executable], env=surroundings, capture_output=True)
    assert done.returncode == 0
    assert finished.report_page.exists()
    outcomes = [each for file in finished.attempts.glob("*.json") if (each := read_json(file))["stage"] == "report"]
    assert [each["outcome"] for each in outcomes] == ["done"]


def test_printable_text_is_unchanged_and_what_steers_is_written_out():
    for plain in ("", "a b", "Ψυχή 画像 🖼", "[/red]", "back\\slash", "no\u00a0break", "👩\u200d👩"):
        assert printable(plain) == plain
    assert printable("a\nb\tc\r") == "a\\nb\\tc\\r"
    assert printable("a\nb\tc\r", breaks=True) == "a\nb\tc\\r"
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0xD800, 0xDFFF]))
    assert re.fullmatch(r"[ -~]+", printable(every))
    assert whole({"a\ud800": ["b\udcff", 1, None]}) == {"a\\ud800": ["b\\udcff", 1, None]}
