"""From the command line, from a study, and with a metric of one's own."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pictures import noisy, photograph

from srcnn.experiment import EvaluateConfig
from srcnn.files import write_picture
from srcnn.metrics import METRICS, QUICK_METRICS, find, score, warm_up
from srcnn.metrics.__main__ import main
from srcnn.score_schema import score_schema


def worst_error(reference, estimate, data_range):
    return np.abs(reference.astype(float) - estimate.astype(float)).max() / data_range


worst_error.higher_is_better = False
OWN = "test_metric_ways_in:worst_error"


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "reference.png", tmp_path / "estimate.png"]
    for path, picture in zip(paths, (photograph(), noisy(photograph())), strict=True):
        write_picture(path, picture)
    return [str(path) for path in paths]


def test_two_files_are_compared_on_the_command_line(files, capsys):
    assert main([*files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == score(photograph(), noisy(photograph()))
    assert main([*files, "--definition", "package"]) == 0
    assert "degrees  lower is better" in capsys.readouterr().out


def test_infinity_is_valid_json(files, capsys):
    assert main([files[0], files[0], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["psnr"] == "inf"


def test_pictures_of_two_sizes_are_refused(files, tmp_path, capsys):
    write_picture(tmp_path / "small.png", photograph(20, 20))
    assert main([files[0], str(tmp_path / "small.png")]) == 2
    assert "(48, 64, 3) uint8 but estimate is (20, 20, 3)" in capsys.readouterr().err


def test_a_function_of_ones_own_is_a_metric():
    x, y = photograph(), noisy(photograph())
    assert score(x, y, [OWN])[OWN] == worst_error(x, y, 255.0)
    assert EvaluateConfig(metrics=["psnr", OWN], definitions=["paper", "package"]).metrics == ("psnr", OWN)
    assert OWN in score_schema([OWN]).names


def test_a_function_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="cannot be loaded"):
        find("no_such_module:f")


def test_the_usual_metrics_have_a_column_and_the_others_where_they_are_asked_for():
    usual = score_schema().names
    assert set(QUICK_METRICS) <= set(usual)
    assert score_schema(METRICS).names == [*usual, *(name for name in METRICS if name not in QUICK_METRICS)]


def test_all_means_all_and_nothing_said_the_usual_nine(files, capsys):
    assert EvaluateConfig().metrics == QUICK_METRICS
    assert len(QUICK_METRICS) == 9
    assert EvaluateConfig(metrics="all").metrics == tuple(METRICS)
    assert EvaluateConfig(metrics=["all", OWN]).metrics == (*METRICS, OWN)
    with pytest.raises(ValueError, match="listed twice: psnr"):
        EvaluateConfig(metrics=["all", "psnr"])
    assert main([*files, "--metrics", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == score(photograph(), noisy(photograph()), METRICS)


def test_a_definition_that_a_metric_has_not_is_refused_with_a_way_out(files, capsys):
    way_out = "leave it out of evaluate.metrics, or the definition out of evaluate.definitions"
    with pytest.raises(ValueError, match=f"metric 'ms_ssim' has no definition 'package'; it has: paper: {way_out}"):
        EvaluateConfig(metrics="all", definitions=["paper", "package"])
    assert main([*files, "--metrics", "all", "--definition", "package"]) == 2
    assert "ms_ssim has no definition 'package'" in capsys.readouterr().err


def test_warming_up_says_nothing_of_pictures_that_are_too_small(caplog):
    warm_up(metrics=METRICS)
    assert not caplog.records


def test_importing_the_metrics_loads_nothing_heavy():
    heavy = ("numba", "cv2", "scipy.fft", "torch", "skimage", "pyarrow")
    code = f"import sys, srcnn.metrics, srcnn.schema; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
