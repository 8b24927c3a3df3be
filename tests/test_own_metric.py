"""A study may name a metric of the user's own; it has a column in scores, tables and merged files."""

import sys

import pytest
from conftest import tiny_study

import analysis
from analysis.compact import compact_study
from analysis.table import main as table
from runner.submit import main as submit

OWN = """
def contrast(reference, estimate, data_range):
    return abs(float(reference.std()) - float(estimate.std())) / data_range

contrast.higher_is_better = False
"""
NAME = "metric_of_mine:contrast"


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "metric_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    evaluate = {"crops": [[32, 40]], "protocols": ["region"], "metrics": ["psnr", NAME], "workers": 1}
    file = tiny_study(tmp_path, evaluate=evaluate, training__epochs=1)
    assert submit([str(file), "--executor", "debug", "--root", str(tmp_path / "results")]) == 0
    yield tmp_path / "results" / "tiny"
    sys.modules.pop("metric_of_mine", None)


def test_an_own_metric_is_scored_shown_and_survives_merging(study, capsys):
    before = analysis.load(study)[NAME]
    assert before.between(0, 1).all()
    assert "contrast" in (study / "report" / "index.html").read_text()
    assert table([str(study), "--by", "run", "--metric", NAME, "--where", "protocol=region"]) == 0
    assert "contrast ↓" in capsys.readouterr().out
    for path in (study / "scores").iterdir():
        (path / "copy-0001-000.parquet").write_bytes(next(path.glob("*.parquet")).read_bytes())
    assert compact_study(study)
    assert sorted(analysis.load(study)[NAME]) == pytest.approx(sorted(before))
