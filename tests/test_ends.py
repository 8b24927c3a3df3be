"""The helper that the tests beside this one trust notices what it must."""

import os

import pytest


def test_a_command_that_ends_is_told_with_its_status_and_words(ends):
    def main(argv):
        print(argv)
        return 3

    ended = ends(main, "a", 1)
    assert (ended.status, ended.said) == (3, "['a', '1']")


def test_a_command_that_waits_for_a_pipe_fails_the_test(ends, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def main(argv):
        return len((tmp_path / "pipe").read_bytes())

    with pytest.raises(AssertionError, match="hangs"):
        ends(main, limit_s=0.1)


def test_a_command_that_raises_fails_the_test(ends):
    def main(argv):
        return {}["runs"]

    with pytest.raises(AssertionError, match="raises KeyError"):
        ends(main)
