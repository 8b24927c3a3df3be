"""What a metric is said to cost is what a comparison costs, not what loading it costs."""

import numpy as np
import pytest

from srcnn.files import write_picture
from srcnn.metrics import timing
from srcnn.metrics.__main__ import main

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def clock(monkeypatch):
    """A clock that each call of ``score`` moves on by the next of these seconds."""
    calls = []

    def scores_in(*seconds):
        now, left = [0.0], list(seconds)

        def score(*_):
            calls.append(left[0])
            now[0] += left.pop(0)

        monkeypatch.setattr(timing, "score", score)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
        return calls

    return scores_in


def test_the_first_call_which_loads_kernels_does_not_count(clock):
    clock(0.29, 0.0006, 0.0005, 0.0007, 0.0006, 0.0006)
    assert timing.seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(0.0005)


def test_a_slow_metric_is_called_twice_at_most(clock):
    calls = clock(2.0, 1.5, 9.9)
    assert timing.seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(1.5)
    assert len(calls) == 2


def test_a_very_slow_metric_is_called_once(clock):
    calls = clock(30.0, 9.9)
    assert timing.seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(30.0)
    assert len(calls) == 1


def test_the_command_says_what_each_metric_takes(tmp_path, capsys):
    for name, seed in (("original", 1), ("restored", 2)):
        write_picture(tmp_path / f"{name}.png", np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8))
    pictures = [str(tmp_path / "original.png"), str(tmp_path / "restored.png"), "--metrics", "psnr", "sam"]
    assert main([*pictures, "--time"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["PSNR", "SAM"]
    assert all(float(line.split()[-2]) > 0 and line.endswith(" ms") for line in lines)
    assert main(pictures) == 0
    assert " ms" not in capsys.readouterr().out


def test_what_has_no_value_of_so_small_a_picture_costs_nothing_that_could_be_told(tmp_path, capsys):
    write_picture(tmp_path / "small.png", np.random.default_rng(1).integers(0, 256, (24, 24, 3), np.uint8))
    small = str(tmp_path / "small.png")
    assert main([small, small, "--metrics", "ms_ssim", "psnr", "--time"]) == 0
    undefined, known = capsys.readouterr().out.splitlines()
    assert "undefined" in undefined
    assert " ms" not in undefined
    assert known.endswith(" ms")
