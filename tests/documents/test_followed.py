"""Whoever does what a page says gets what it promises."""

import re
import shlex
import shutil

import pytest
from conftest import REPOSITORY, write_pictures
from document_blocks import DOCS, PAGES, blocks, command_lines

from .conftest import follow, typed


def test_the_tutorial_leads_to_a_report_and_to_enlarged_photographs(photographs):
    printed = follow(DOCS / "tutorial" / "laptop.md", photographs, executor="debug")
    assert "10 of 10 tasks done" in printed
    trained = re.findall(r"^train +(\d+) +(\d+) +(\d+) ", printed, re.MULTILINE)  # tasks, done, to do of each plan
    assert trained == [("2", "0", "2"), ("2", "0", "2"), ("2", "2", "0"), ("6", "2", "4")]
    assert (photographs / "results" / "first" / "report" / "index.html").exists()
    assert len(list((photographs / "enlarged").glob("*.png"))) == 3


@pytest.mark.parametrize("name", ["network", "loss", "metric"])
def test_what_is_ones_own_works_as_the_page_has_it(name, photographs, tmp_path):
    shutil.copytree(photographs / "photos", tmp_path / "photos")
    printed = follow(DOCS / "how-to" / f"{name}.md", tmp_path, executor="debug")
    assert "Report: " in printed


def test_the_executor_of_the_page_runs_a_study(photographs, tmp_path):
    shutil.copytree(photographs / "photos", tmp_path / "photos")
    follow(DOCS / "how-to" / "executor.md", tmp_path)
    package = tmp_path / "my_executors-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: my_executors\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[srcnn_runner.executors]\none-by-one = my_executors:OneByOne\n")
    (tmp_path / "tiny.yaml").write_text(
        "data: {train: photos/train, eval: {photos: photos/test}, scale: 2, stride: 80}\n"
        "training: {epochs: 1}\nevaluate: {protocols: luma, metrics: psnr}\n"
    )
    assert "6 of 6 tasks done" in typed("python -m runner.submit tiny.yaml --executor one-by-one", tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_scores_are_read_as_the_page_says(monkeypatch, tmp_path, capsys):
    from docs.notebooks import short_study

    shutil.copytree(short_study() / "results", tmp_path / "results")
    for copy in ("monday", "tuesday", "large"):  # a copy of a study is a study
        shutil.copytree(tmp_path / "results" / "quickstart", tmp_path / "results" / copy)
    monkeypatch.chdir(tmp_path)
    printed = follow(DOCS / "how-to" / "parquet.md", tmp_path)
    assert "B minus A" in printed
    assert (tmp_path / "fsim.pdf").exists()
    assert "espcn" in capsys.readouterr().out


def test_the_metrics_are_called_as_the_page_says(tmp_path):
    write_pictures(tmp_path, [1], height=176, width=176)
    shutil.copy(tmp_path / "photo1.png", tmp_path / "original.png")
    shutil.copy(tmp_path / "photo1.png", tmp_path / "restored.png")
    assert "PSNR" in follow(DOCS / "reference" / "metrics.md", tmp_path)


SUBMITTED = {
    f"{page.relative_to(REPOSITORY)}: {' '.join(words)}": (page, words[3:])
    for page in PAGES
    for block in blocks(page)
    if block.language == "sh"
    for words in command_lines(block)
    if words[:3] == ["python", "-m", "runner.submit"] and "--partition" not in words
    if not any(word.startswith("results/") for word in words)  # of a study that was submitted before
}


@pytest.mark.parametrize(("page", "arguments"), SUBMITTED.values(), ids=SUBMITTED)
def test_what_a_page_submits_has_a_plan(page, arguments, photographs, tmp_path, data_root):
    shutil.copytree(photographs / "photos", tmp_path / "photos")
    for block in blocks(page):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    if "--data-root" in arguments:
        at = arguments.index("--data-root")
        arguments = arguments[:at] + arguments[at + 2 :]
    words = [*arguments, "--data-root", str(data_root), "--executor", "local", "--dry-run"]
    assert "report " in typed(shlex.join(["python", "-m", "runner.submit", *words]), tmp_path)
