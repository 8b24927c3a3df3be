"""Whoever reads results runs nobody's code: the names of own metrics and models are only names to a reader."""

import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import tiny_study, write_pictures
from score_tables import row, write_study

import analysis
from analysis import compact, compare, plot, report, table
from jobs import own_check, restore
from jobs.checkpoint import Checkpoint
from runner import logs, status, submit
from runner.checks import readable
from runner.checks import study as checks
from runner.checks.circumstances import Circumstances
from runner.study.config import load_study
from srcnn import metrics
from srcnn.metrics import METRICS, about
from srcnn.models import published

NAME = "evilmod:x"
EVIL = """
import pathlib
pathlib.Path(__file__).with_name("it-ran").touch()

def x(reference, estimate, data_range):
    return 1.0

def Net(residual):
    raise SystemExit(0)
"""


@pytest.fixture
def evil(tmp_path, monkeypatch) -> Path:
    """The mark that a module of the working folder leaves once it is imported, which no test here may find."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(metrics, "_learnt", {})
    (tmp_path / "evilmod.py").write_text(EVIL)
    sys.modules.pop("evilmod", None)
    return tmp_path / "it-ran"


@pytest.fixture
def with_a_column(evil, tmp_path) -> Path:
    """A study from elsewhere whose score files have a column named like an own metric, lower being better."""
    epochs = {epoch: [row(f"p{i}", psnr=20.0 + epoch + i) for i in range(6)] for epoch in (1, 2)}
    runs = {"a": {"epochs": epochs}, "b": {"epochs": epochs}}
    study = write_study(tmp_path / "study", runs, [row("p0", "bicubic", psnr=19.0)], metrics=("psnr", NAME))
    for number, file in enumerate(sorted(study.rglob("*.parquet"))):
        stored = pq.read_table(file)
        field = pa.field(NAME, pa.float64(), metadata={"unit": "[/red]", "higher_is_better": "false"})
        values = pa.array([float(number + i) for i in range(len(stored))])
        pq.write_table(stored.append_column(field, values), file)
    return study


def test_no_command_that_reads_a_study_imports_what_a_column_is_named_after(
    with_a_column, evil, ends, without_figures, tmp_path
):
    study = with_a_column
    ways = [
        (table, study, "--metric", f"psnr,{NAME}"),
        (table, study, "--metric", NAME, "--by", "run,epoch", "--format", "csv"),
        (plot, study, "--y", f"psnr,{NAME}", "--out", tmp_path / "a.svg"),
        (compare, f"{study}:a", f"{study}:b", "--metric", NAME),
        (compact, study),
        (report, study),
    ]
    for module, *arguments in ways:
        assert ends(module.main, *arguments).status == 0
    for module in (status, logs):
        ends(module.main, study)
    assert set(analysis.load(study).columns) >= {"psnr", NAME}
    assert len(analysis.load(next(study.rglob("*.parquet")), [NAME]))
    assert "evilmod" not in sys.modules
    assert not evil.exists()


def test_a_reader_knows_unit_and_direction_of_a_metric_whose_code_is_gone(
    with_a_column, tmp_path, ends, without_figures
):
    (tmp_path / "evilmod.py").unlink()
    page = ends(report.main, with_a_column)
    assert page.status == 0
    assert "x ([/red]) ↓" in (with_a_column / "report" / "index.html").read_text()
    assert "x ([/red]) ↓" in ends(table.main, with_a_column, "--metric", NAME).out
    assert ends(compact.main, with_a_column).status == 0
    metrics._learnt.clear()
    assert "x ([/red]) ↓" in ends(table.main, with_a_column, "--metric", NAME).out


def test_what_is_said_of_a_metric_may_be_missing_or_garbage():
    assert about("nowhere:f") == metrics.About("nowhere:f", "f", "1", True)
    odd = metrics.About.from_metadata("a:b:c", {b"unit": b"\xff", b"higher_is_better": b"\0"})
    assert (odd.title, odd.unit, odd.higher_is_better) == ("b:c", "\ufffd", True)
    assert about("psnr") is METRICS["psnr"]
    with pytest.raises(ValueError, match="unknown metric 'evil'; known: psnr"):
        about("evil")


def test_the_doctor_reads_a_study_of_own_code_and_runs_none_of_it(evil, tmp_path):
    for change in ({"evaluate__metrics": ["psnr", NAME]}, {"model__name": "evilmod:Net"}):
        study, _ = load_study(str(tiny_study(tmp_path, **change)))
        asked = Circumstances(tmp_path / "results", study)
        (said,) = [*readable.readable(asked), *checks.plan(asked), *checks.space(asked)][1:]
        assert "would run code of your own: evilmod:" in said.what
    assert not evil.exists()


def test_submitting_says_of_a_metric_that_it_cannot_be_imported(tmp_path, ends):
    file = tiny_study(tmp_path, evaluate__metrics=["psnr", "nowhere_to_be_found:f"])
    ended = ends(submit.main, file, "--dry-run", "--executor", "local", "--root", tmp_path / "results")
    assert ended.status == 2
    assert "nowhere_to_be_found" in ended.err


@pytest.fixture
def foreign_run(finished, evil) -> Path:
    """A run from elsewhere whose checkpoint says that its network is a class of the working folder."""
    folder = next(path for path in finished.runs.iterdir())
    for file in folder.rglob("*.pt"):
        checkpoint = Checkpoint.load(file)
        checkpoint.model_config["name"] = "evilmod:Net"
        checkpoint.save(file)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "model": {**config["model"], "name": "evilmod:Net"}}))
    return folder


def test_restoring_imports_no_network_that_the_user_did_not_name(foreign_run, evil, tmp_path, ends, without_figures):
    pictures = write_pictures(tmp_path / "mine", [7])
    command = (restore.main, pictures, "--out", tmp_path / "out", "--model", foreign_run)
    ended = ends(*command)
    assert ended.status == 2
    assert "holds the network evilmod:Net" in ended.err
    assert "--model evilmod:Net" in ended.err
    assert ends(*command, "--model", "othermod:Net").status == 2
    assert ends(*command, "--model", foreign_run).status == 2
    ended = ends(published.main, next(foreign_run.rglob("*.pt")), "--scale", 2, "--score", pictures)
    assert (ended.status, "holds the network evilmod:Net" in ended.err) == (2, True)
    assert ends(report.main, foreign_run.parents[1]).status == 0
    assert not evil.exists()


OWN_NETWORK = """
from srcnn.models.srcnn import srcnn_9_1_5

def Net(residual):
    return srcnn_9_1_5(residual=residual)
"""


def test_restoring_with_a_network_of_ones_own_that_was_named(foreign_run, tmp_path, ends):
    (tmp_path / "evilmod.py").write_text(OWN_NETWORK)
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    pictures = write_pictures(tmp_path / "mine", [7])
    ended = ends(restore.main, pictures, "--out", tmp_path / "out", "--model", foreign_run, "--model", "evilmod:Net")
    assert ended.status == 0, ended
    assert (tmp_path / "out" / "photo7.png").exists()
    sys.modules.pop("evilmod")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nos._exit(0)", "model 'evilmod:Net' ends Python when it is imported (status 0)"),
        ("import time\ntime.sleep(600)", "does not come back from its import within 2 s; mend it, or give it more"),
    ],
)
def test_a_network_that_was_named_can_neither_end_restoring_nor_keep_it_waiting(
    foreign_run, tmp_path, ends, monkeypatch, code, said
):
    (tmp_path / "evilmod.py").write_text(f"{code}\n{OWN_NETWORK}")
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    if "sleep" in code:
        monkeypatch.setenv(own_check.LIMIT_VARIABLE, "2")
    pictures = write_pictures(tmp_path / "mine", [7])
    ended = ends(restore.main, pictures, "--out", tmp_path / "out", "--model", foreign_run, "--model", "evilmod:Net")
    assert (ended.status, said in ended.said, (tmp_path / "out").exists()) == (2, True, False), ended
    assert "evilmod" not in sys.modules
