"""Sections get the rows that they ask for, of the run and the baseline that they ask for, in any order."""

import pytest
from score_tables import BASELINE, OTHER_BASELINE, write_two_degradations

from analysis.evidence import Evidence
from analysis.study import open_study


@pytest.fixture
def evidence(tmp_path):
    return Evidence(open_study(write_two_degradations(tmp_path / "study")))


def test_each_run_and_each_baseline_has_its_own_rows_however_they_are_asked_for(evidence):
    one, two = evidence.study.runs
    asked = [
        (evidence.rows, one, 30),
        (evidence.rows, two, 40),
        (evidence.rows, one, 30),
        (evidence.baseline_rows, BASELINE, 10),
        (evidence.baseline_rows, OTHER_BASELINE, 20),
        (evidence.rows, two, 40),
        (evidence.baseline_rows, BASELINE, 10),
    ]
    for ask, whom, level in asked:
        assert sorted(ask(whom)["psnr"]) == pytest.approx([level + n for n in (0.4, 0.6, 0.8, 1.4, 1.6, 1.8)])
        luma = ask(whom, protocol="luma", image="q")
        assert luma["psnr"].tolist() == pytest.approx([level + 1.4])
        both = ask(whom, protocol=["luma", "compound"])
        assert sorted(both["psnr"]) == pytest.approx([level + n for n in (0.4, 0.8, 1.4, 1.8)])
        assert not len(ask(whom, definition="package"))


def test_rows_that_a_section_changes_are_not_those_of_the_next(evidence):
    run = evidence.study.runs[0]
    frame = evidence.rows(run)
    frame["psnr"] = 0.0
    assert evidence.rows(run)["psnr"].min() > 30
