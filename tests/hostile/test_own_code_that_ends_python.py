"""A metric that ends Python while it scores costs the rows of its picture, and is named with it."""

import signal
import sys

import pyarrow.parquet as pq
import pytest
from calls_that_end_python import end_in_ways
from conftest import photograph, tiny_study, write_pictures
from PIL import Image

import analysis
from jobs.compare_folders import main as evaluate
from jobs.parallel import Ended, spread
from runner.status import main as status
from runner.submit import main as submit

# Each ends the process that it runs in at dark pictures.
ENDING = """
import ctypes, os, signal


def ends(how):
    def function(reference, estimate, data_range):
        if reference.mean() < 80:
            how()
        return 1.0

    return function


leaves = ends(lambda: os._exit(0))
crashes = ends(lambda: os.kill(os.getpid(), signal.SIGSEGV))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "ending_of_mine.py").write_text(ENDING)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("ending_of_mine", None)


def test_two_folders_lose_the_rows_of_the_picture_alone(ends, own):
    for folder in ("originals", "mine"):
        write_pictures(own / folder, [1, 2, 3])
        Image.fromarray(photograph(2) // 4).save(own / folder / "photo2.png")
    folders = ["--reference", own / "originals", "--estimate", own / "mine", "--out", own / "out"]
    for again in (False, True):
        ended = ends(evaluate, *folders, "--metrics", "psnr", "ending_of_mine:leaves", "--workers", 1)
        assert ended.status == 1
        assert "photo2.png: metric ending_of_mine:leaves ends Python (exit status 0)" in ended.said
        assert ("2 of 3 pictures were scored before" in ended.said) == again
    assert pq.read_table(own / "out" / "scores.parquet")["image"].to_pylist() == ["photo1", "photo3"]


def test_a_study_loses_the_rows_of_the_picture_alone_and_its_status_names_it(ends, own, undrawn):
    names = ["ending_of_mine:leaves", "ending_of_mine:crashes"]
    about = {"protocols": ["luma"], "metrics": ["psnr", *names], "workers": 1}
    file = tiny_study(own, evaluate=about, training__epochs=1)
    Image.fromarray(photograph(4) // 4).save(own / "eval" / "photo4.png")
    ended = ends(submit, file, "--executor", "debug", "--root", own / "results", of_tasks=True)
    assert ended.status == 1
    words = f"evals/photo4: one of the metrics {', '.join(names)} ends Python (exit status 0)"
    assert words in ended.said
    assert words in ends(status, own / "results" / "tiny").said
    scored = analysis.load(own / "results" / "tiny")
    assert set(scored["image"]) == {"photo3"}
    assert set(scored["method"]) == {"bicubic", "srcnn"}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_call_that_ends_its_process_is_found_among_those_under_way_with_how(workers):
    ways = {0: signal.SIGABRT, 5: 0, 6: signal.SIGSEGV, 7: -3}
    ended = {0: "SIGABRT", 5: "exit status 0", 6: "SIGSEGV", 7: "exit status 3"}
    calls = [(number, ways) for number in range(8)]
    found = list(spread(end_in_ways, calls, workers, endings=True, apart=True))
    assert found == [Ended(ended[number]) if number in ended else number**2 for number in range(8)]
