"""A study may name a metric of the user's own; it has a column in scores, tables and merged files."""

import importlib
import shutil
import sys

import pytest
from conftest import empty_figures, photograph, tiny_study
from PIL import Image
from small_study import small_plan

import analysis
from analysis.compaction import compact_study
from analysis.table import main as table
from runner.study.config import ConfigError
from runner.submit import main as submit
from srcnn.own_code import code_digest

OWN = """
def contrast(reference, estimate, data_range):
    return abs(float(reference.std()) - float(estimate.std())) / data_range

contrast.higher_is_better = False
"""
NAME = "metric_of_mine:contrast"


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """Writes files of one's own, as another process would find them."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which would not tell two edits of one second apart
    before = set(sys.modules)

    def forget():
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in sys.modules[name].__file__:
                del sys.modules[name]
        importlib.invalidate_caches()

    def write(**files):
        forget()
        for name, text in files.items():
            file = tmp_path / (name.replace("__in__", "/") + ".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    yield write
    forget()


@pytest.fixture(scope="module")
def study_once(tmp_path_factory):
    """The root of a study that is scored by a metric of one's own; one of its two pictures is dark."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "metric_of_mine.py").write_text(OWN)
    evaluate = {"crops": [[32, 40]], "protocols": ["region"], "metrics": ["psnr", NAME], "workers": 1}
    file = tiny_study(folder, evaluate=evaluate, training__epochs=1)
    Image.fromarray(photograph(4) // 4).save(folder / "eval" / "photo4.png")
    with pytest.MonkeyPatch.context() as patch, empty_figures():
        patch.syspath_prepend(folder)
        assert submit([str(file), "--executor", "debug", "--root", str(folder / "results")]) == 0
    sys.modules.pop("metric_of_mine", None)
    return folder / "results"


@pytest.fixture
def study(study_once, tmp_path, own_code, without_figures):
    """A copy of it, with the code of the metric elsewhere."""
    own_code(metric_of_mine=OWN)
    shutil.copytree(study_once, tmp_path / "results")
    return tmp_path / "results" / "tiny"


def test_an_own_metric_is_scored_shown_and_survives_merging(study, capsys):
    before = analysis.load(study)[NAME]
    assert before.between(0, 1).all()
    assert "contrast" in (study / "report" / "index.html").read_text()
    assert table([str(study), "--by", "run", "--metric", NAME, "--where", "protocol=region"]) == 0
    assert "contrast ↓" in capsys.readouterr().out
    for path in (study / "scores").iterdir():
        shard = next(path.glob("*.parquet"))
        shard.with_name(f"{shard.stem[:-13]}0009-000of001.parquet").write_bytes(shard.read_bytes())
    assert compact_study(study)
    assert sorted(analysis.load(study)[NAME]) == pytest.approx(sorted(before))


def test_a_changed_metric_is_scored_again_and_an_unchanged_one_is_not(study, own_code, monkeypatch, capsys):
    monkeypatch.chdir(study.parent)
    before = analysis.load(study)
    own_code(metric_of_mine=OWN.replace("return abs", "return 2 * abs"))
    assert submit([str(study), "--executor", "debug"]) == 0
    after = analysis.load(study)
    assert list(after[NAME]) == pytest.approx(list(2 * before[NAME]))
    assert list(after["psnr"]) == list(before["psnr"])
    capsys.readouterr()
    own_code()
    assert submit([str(study), "--executor", "debug"]) == 0
    assert "Everything is done." in capsys.readouterr().out


def one_line(value):
    return f"def value(reference, estimate, data_range):\n    return {value}\n"


def test_what_a_metric_imports_of_ones_own_is_part_of_it(own_code):
    uses = "import json\ndef f(a, b, r):\n    from helper_of_mine import value\n    return value(a, b, r)\n"
    own_code(alone=one_line(1.0), uses=uses, helper_of_mine=one_line(1.0))
    alone, with_helper = code_digest("alone:value"), code_digest("uses:f")
    own_code(helper_of_mine=one_line(2.0))
    assert code_digest("alone:value") == alone
    assert code_digest("uses:f") != with_helper


def test_a_metric_that_a_package_passes_on_is_known_by_where_it_is_written(own_code):
    first = "from .inner import value\n"
    own_code(mine__in____init__=first, mine__in__inner="from mine.deep import value\n", mine__in__deep=one_line(1.0))
    own_code(mine__in__other=one_line(1.0))
    digests = [code_digest("mine:value"), code_digest("mine.inner:value"), code_digest("mine.other:value")]
    own_code(mine__in__deep=one_line(2.0))
    changed = [code_digest("mine:value"), code_digest("mine.inner:value"), code_digest("mine.other:value")]
    assert all(old != new for old, new in zip(digests, changed, strict=True))  # mine/__init__ runs before each
    assert "mine" not in sys.modules  # nothing was run for it


def test_only_metrics_of_ones_own_enter_the_id_of_the_scores_with_their_code(tmp_path, own_code, checked_here):
    def ids():
        evaluate = {"protocols": ["luma"], "crops": [[24, 24]], "metrics": ["psnr", "alone:value"]}
        plan = small_plan(tmp_path, evaluate=evaluate)
        return plan.runs[0].run_id, plan.runs[0].eval_id

    built_in = small_plan(tmp_path).runs[0].eval_id
    assert built_in == "e578465aa57"
    own_code(alone=one_line(1.0))
    run, scores = ids()
    own_code(alone=one_line(2.0))
    assert ids()[0] == run
    assert ids()[1] != scores


def test_a_metric_that_cannot_be_found_is_refused_with_its_name(tmp_path, own_code):
    own_code()
    with pytest.raises((ConfigError, ValueError), match="nowhere_to_be_found"):
        small_plan(tmp_path, evaluate={"metrics": ["nowhere_to_be_found:f"]})


RAISES = """
from pathlib import Path

def contrast(reference, estimate, data_range):
    if reference.mean() < 80 and (Path(__file__).parent / "raise").exists():
        raise KeyboardInterrupt("too dark")
    return 1.0

contrast.higher_is_better = False
"""


def test_a_metric_that_raises_costs_its_picture_and_the_task_names_it(
    study, own_code, tmp_path, monkeypatch, capsys, undrawn
):
    monkeypatch.chdir(study.parent)
    own_code(metric_of_mine=RAISES)
    (tmp_path / "raise").touch()
    assert submit([str(study), "--executor", "debug"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"evals/photo4: metric {NAME} raised KeyboardInterrupt: too dark" in out
    scored = analysis.load(study)
    assert set(scored["image"]) == {"photo3"}
    assert set(scored["method"]) == {"bicubic", "srcnn"}
    assert len(list(study.glob("scores/*/*.partial.parquet"))) == 2

    (tmp_path / "raise").unlink()
    assert submit([str(study), "--executor", "debug"]) == 0
    assert set(analysis.load(study)["image"]) == {"photo3", "photo4"}
    assert not list(study.glob("scores/*/*.partial.parquet"))
