"""From the command line, from a study, and with a metric of one's own."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pictures import noisy, photograph

from srcnn.experiment import EvaluateConfig
from srcnn.files import write_picture
from srcnn.metrics import METRICS, find, score
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


def test_every_metric_has_a_column():
    assert set(METRICS) <= set(score_schema().names)


def test_importing_the_metrics_loads_nothing_heavy():
    heavy = ("numba", "cv2", "scipy.fft", "torch", "skimage", "pyarrow")
    code = f"import sys, srcnn.metrics, srcnn.schema; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
