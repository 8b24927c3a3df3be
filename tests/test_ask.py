"""Only a yes is a yes."""

import io

import pytest

from runner.ask import agrees


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("yet\n", False), ("", False)],
)
def test_only_a_yes_is_a_yes(monkeypatch, capsys, typed, expected):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert agrees("Remove 3 files?") is expected
    assert capsys.readouterr().out == "Remove 3 files? [y/N] "
