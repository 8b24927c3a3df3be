"""A file of another kind, or with text that is none, is no study: the refusal says which line or key, and why."""

import os
import shutil

import pytest
from conftest import tiny_study

from jobs.restore import main as restore
from runner.study.config import ConfigError, load_study
from runner.submit import main as submit
from srcnn.files import LARGEST_TEXT


def refusal(folder, text, name="any.yaml"):
    """Why a study is refused that has this text besides its pictures."""
    file = folder / name
    file.write_text(f"data: {{train: bundled/coffee, test: bundled/chelsea}}\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_study(str(file))
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("!!bool maybe", "line 2: maybe is not a valid bool"),
        ("!!int 1:30", "line 2: 1:30 is not a valid int"),
        ("!!int 010", "line 2: 010 is not a valid int"),
        ("!!float 1:30.5", "line 2: 1:30.5 is not a valid float"),
        ("!!null x", "line 2: x is not a valid null"),
        ("0x" + "f" * 5000, "line 2: 0xffffffffffffffffffffffffffffffffffffff... is a number of 5,000 digits"),
        ("9" * 5000, "is a number of 5,000 digits; expected 1 to 400"),
        ("0x_", "line 2: 0x_ is a number of 0 digits"),
        ("x" * 5000, "seed: expected an integer, found 'xxx"),
    ],
)
def test_a_value_that_is_no_number_of_its_kind_is_refused_with_its_line(tmp_path, value, words):
    said = refusal(tmp_path, f"seed: {value}")
    assert words in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sweep: {cases: true}", "sweep.cases: expected a mapping, found true"),
        ("sweep: {cases: [1]}", "sweep.cases: expected a mapping, found [1]"),
        ("evaluate: {crops: [[1, 2], [3]]}", "evaluate.crops: a list in it lacks an entry"),
        ("name: two words", "name: expected text of the form"),
        (f"name: {'a' * 300}", "name: expected at most 200 letters"),
        ("training: {learning_rate: .inf}", "training.learning_rate: expected a finite number, found inf"),
        ('model: {weights: "a\\ud800"}', "a\\ud800' is not UTF-8"),
        ('"\\udc80": 1', "'\\udc80' is not UTF-8"),
        (f"model: {{name: {'x' * 5000}}}", "unknown model 'xxx"),
    ],
)
def test_a_setting_of_another_form_is_refused_by_name(tmp_path, text, words):
    said = refusal(tmp_path, text)
    assert words in said
    assert len(said) < 500


def test_a_study_in_a_folder_that_is_no_utf8_is_refused(tmp_path, ends):
    tiny_study(tmp_path / "plain")
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    shutil.move(os.fsencode(tmp_path / "plain"), folder)
    ended = ends(submit, os.fsdecode(folder + b"/tiny.yaml"), "--dry-run", "--root", tmp_path / "root")
    assert (ended.status, "is not UTF-8" in ended.err) == (2, True)


def test_a_file_of_another_kind_or_size_is_no_study_in_another_encoding(tmp_path, finished):
    for file in (next(finished.runs.rglob("*.png")), next(finished.runs.rglob("*.pt"))):
        shutil.copy(file, tmp_path / "a.yaml")
        with pytest.raises(ConfigError, match="is not text, but a file of another kind"):
            load_study(str(tmp_path / "a.yaml"))
    os.truncate(tmp_path / "a.yaml", 3 * 2**30)
    with pytest.raises(ConfigError, match=f"has 3,221,225,472 bytes; a file of settings has at most {LARGEST_TEXT:,}"):
        load_study(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("number", ["1_0", "１０", "", " "])
def test_a_number_on_the_command_line_is_written_in_plain_digits(capsys, number):
    with pytest.raises(SystemExit):
        submit(["quickstart", f"--cores={number}"])
    assert "--cores: expected a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["", "--model", "a", "--out", "b"], ["a", "--model", "b", "--out", ""]])
def test_an_empty_argument_is_not_the_working_folder(ends, arguments):
    ended = ends(restore, *arguments)
    assert (ended.status, "is empty; is a variable of the shell not set?" in ended.err) == (2, True)
