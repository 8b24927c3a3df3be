"""What the report says a metric costs is what a comparison costs, not what loading it costs."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.sections import contrast

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

        monkeypatch.setattr(contrast, "score", score)
        monkeypatch.setattr(contrast.time, "perf_counter", lambda: now[0])
        return calls

    return scores_in


def test_the_first_call_which_loads_kernels_does_not_count(clock):
    clock(0.29, 0.0006, 0.0005, 0.0007, 0.0006, 0.0006)
    assert contrast._seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(0.0005)


def test_a_slow_metric_is_called_twice_at_most(clock):
    calls = clock(2.0, 1.5, 9.9)
    assert contrast._seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(1.5)
    assert len(calls) == 2


def test_a_very_slow_metric_is_called_once(clock):
    calls = clock(30.0, 9.9)
    assert contrast._seconds(PICTURE, PICTURE, "psnr", "paper") == pytest.approx(30.0)
    assert len(calls) == 1


def test_a_metric_without_a_value_of_so_small_a_patch_costs_nothing_that_could_be_told():
    study = SimpleNamespace(setting=lambda name, default: [[32, 40]])
    pictures = pd.DataFrame({"patches": [3]})
    evidence = SimpleNamespace(
        metrics=("psnr", "ms_ssim", "vifp"), definitions=("paper",), study=study, pictures=pictures
    )
    costs = contrast._costs(evidence).frame.set_index("metric")["paper"]
    assert costs["PSNR"] > 0
    assert costs["all"] == costs["PSNR"]
    assert costs[["MS-SSIM", "VIFp"]].isna().all()
