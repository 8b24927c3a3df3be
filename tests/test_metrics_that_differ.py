"""Two studies that state one metric of one's own otherwise are not shown by the words of the one read last."""

import shutil

import pyarrow.parquet as pq
import pytest

import analysis
from analysis import compare, report, table
from srcnn.metrics import MetricsDiffer, about, forget_metrics
from srcnn.paths import StudyPaths
from srcnn.whole import seal_parquet

NAME = "gone_of_mine:badness"


@pytest.fixture(autouse=True)
def nothing_read_before():
    forget_metrics()
    yield
    forget_metrics()


@pytest.fixture
def stating(finished, tmp_path):
    """``stating(name, unit=..., better=...)``: a copy of the study whose PSNR is a metric of one's own, as stated."""

    def make(name: str, unit: str, better: str) -> StudyPaths:
        folder = tmp_path / "results" / name
        shutil.copytree(finished.folder, folder)
        for file in folder.glob("scores/*/*.parquet"):
            scores = pq.read_table(file)
            place = scores.column_names.index("psnr")
            field = scores.schema.field("psnr").with_name(NAME)
            field = field.with_metadata({"unit": unit, "higher_is_better": better})
            pq.write_table(scores.append_column(field, scores.column(place)), file)
            seal_parquet(file)
        for file in folder.glob("runs/*/config.yaml"):
            file.write_text(file.read_text().replace("  - psnr\n", f"  - psnr\n  - {NAME}\n"))
        return StudyPaths(folder)

    return make


@pytest.mark.parametrize(("unit", "better"), [("dB", "false"), ("degrees", "true")])
def test_two_studies_that_differ_are_not_compared_and_the_metric_is_named(ends, stating, unit, better):
    one, other = stating("one", "dB", "true"), stating("other", unit, better)
    ended = ends(compare.main, one.folder, other.folder, "--metric", NAME)
    assert ended.status == 2
    assert f"metric {NAME!r} is in 'dB', higher is better in one study's scores and in '{unit}', " in ended.said
    same = stating("same", "dB", "true")
    assert "in one study's scores" not in ends(compare.main, one.folder, same.folder, "--metric", NAME).said


def test_each_is_shown_by_its_own_words_when_they_are_read_one_after_the_other(ends, stating, without_figures):
    one, other = stating("one", "dB", "true"), stating("other", "dB", "false")
    for study, better in ((one, True), (other, False), (one, True)):
        assert ends(table.main, study.folder, "--metric", NAME).status == 0
        assert about(NAME).higher_is_better == better
        assert ends(report.main, study.folder).status == 0
        assert about(NAME).higher_is_better == better


def test_whoever_loads_both_is_told_rather_than_given_one_direction_for_both(stating):
    for name, better in (("one", "true"), ("other", "false")):
        analysis.load(stating(name, "dB", better).folder, ["image", "psnr"])
    with pytest.raises(MetricsDiffer, match=r"lower is better in another's: score one of them anew"):
        about(NAME)
